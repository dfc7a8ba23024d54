"""Settings of the components: frozen, checked; each field tells its variable, its help and how its text is read."""

from __future__ import annotations

import socket
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from kronstream.domain import address, eventstream, redisurl
from kronstream.domain.limits import Limits
from kronstream.readers import (
    allowed_addresses,
    amount,
    choice,
    config_map_name,
    file_path,
    host_port,
    listed,
    namespace_name,
    namespace_names,
    printed,
    queue_slots,
    redis_url,
    resource_kinds,
    service_port,
    span,
    stream_name,
    stream_patterns,
    switch,
    visible,
    web_url,
    whole,
    worker_limits,
)
from kronstream.setting import setting

DEFAULT_STREAM = eventstream.RUNS
DEFAULT_NAMESPACE = "kronstream-system"
DEFAULT_GROUP = "scheduler-workers"

_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True)
class LogSettings:
    """How a process logs."""

    log_format: str = setting("KRONSTREAM_LOG_FORMAT", "text or json", choice("text", "json"), "text")
    log_level: str = setting(
        "KRONSTREAM_LOG_LEVEL", "lowest level written", choice("debug", "info", "warning", "error"), "info"
    )


@dataclass(frozen=True)
class RedisSettings:
    """Where the streams are. The URL may hold a password and stays out of the repr.

    Users and passwords become part of a URL that has none: a Secret of others holds a password as it is.
    """

    url: str = setting(
        "KRONSTREAM_REDIS_URL", "where Redis is, or its Sentinels", redis_url, "redis://127.0.0.1:6379/0", secret=True
    )
    username: str = setting(
        "KRONSTREAM_REDIS_USERNAME", "user at Redis, where the URL names none", visible, "", shown="none"
    )
    password: str = setting(
        "KRONSTREAM_REDIS_PASSWORD", "its password, where the URL has none", printed, "", secret=True, shown="none"
    )
    sentinel_username: str = setting(
        "KRONSTREAM_REDIS_SENTINEL_USERNAME", "user at the Sentinels, where the URL names none", visible, "",
        shown="none",
    )  # fmt: skip
    sentinel_password: str = setting(
        "KRONSTREAM_REDIS_SENTINEL_PASSWORD", "its password, where the URL has none", printed, "", secret=True,
        shown="none",
    )  # fmt: skip
    base_stream: str = setting(
        "KRONSTREAM_STREAM_NAME", "stream of the default queue; every other key derives from it", stream_name,
        DEFAULT_STREAM,
    )  # fmt: skip
    group: str = setting("KRONSTREAM_CONSUMER_GROUP", "consumer group of the workers", visible, DEFAULT_GROUP)
    installation: str = setting(
        "KRONSTREAM_INSTALLATION", "name of this installation in its cluster, such as NAMESPACE/RELEASE; the data of "
        "another one is left alone", visible, "", shown="none",
    )  # fmt: skip

    def __post_init__(self) -> None:
        url = redisurl.with_login(self.url, self.username, self.password)
        url = redisurl.with_sentinel_login(url, self.sentinel_username, self.sentinel_password)
        object.__setattr__(self, "url", url)


@dataclass(frozen=True)
class IngestSettings:
    """Where events go that come by HTTP or from the command line."""

    stream: str = setting("KRONSTREAM_EVENT_STREAM", "stream of events", stream_name, "stream:events")
    most: int = setting(
        "KRONSTREAM_EVENT_BACKLOG", "events that may wait there before no more are taken by HTTP",
        whole(1, 100_000_000), 1_000_000,
    )  # fmt: skip


METRICS_HELP = "port of /metrics, /healthz and /readyz; 0 turns them off"


@dataclass(frozen=True)
class TypeSettings:
    """What the administrator allows the handler types other than function to do. `job_patience` is milliseconds."""

    job_patience: int = setting(
        "KRONSTREAM_JOB_PATIENCE", "how long a Job's Pod may fail to start, say to pull its image, before the attempt "
        "ends", span("1s", "1d"), 300_000, shown="5m",
    )  # fmt: skip
    namespaces: tuple[str, ...] = setting(
        "KRONSTREAM_NAMESPACES", "namespaces in which the worker has rights, where it has none in the whole cluster: "
        "Jobs are followed there (several: again, or between commas)", listed, (), shown="all",
    )  # fmt: skip
    workflow_kinds: tuple[str, ...] = setting(
        "KRONSTREAM_WORKFLOW_KINDS", "kinds of resources that handler.workflow.resource may make, each as "
        "plural.group/version (several: again, or between commas)", resource_kinds, (), shown="none",
    )  # fmt: skip

    agent_stream: str = setting(
        "KRONSTREAM_AGENT_STREAM", "stream into which work for agents is written", stream_name, eventstream.AGENTS
    )
    workflow_stream: str = setting(
        "KRONSTREAM_WORKFLOW_STREAM", "stream into which workflows are triggered", stream_name,
        eventstream.WORKFLOWS,
    )  # fmt: skip
    reply_stream: str = setting(
        "KRONSTREAM_REPLY_STREAM", "stream in which agents and workflow engines answer", stream_name,
        eventstream.REPLIES,
    )  # fmt: skip
    http_allow: tuple[str, ...] = setting(
        address.SETTING, "addresses that requests of jobs may go to beside public ones: networks, host names, private "
        "(several: again, or between commas)", allowed_addresses, (), shown="none",
    )  # fmt: skip
    callback_url: str = setting(
        "KRONSTREAM_CALLBACK_URL", "where the API is for those who tell how work ended, as https://host/api/v1/scheduler",
        web_url, "", shown="none",
    )  # fmt: skip


@dataclass(frozen=True)
class WorkerSettings:
    """A worker: what it takes, from where, and how it ends. `grace`, `child_cpu_time` are milliseconds."""

    redis: RedisSettings = field(default_factory=RedisSettings, metadata={"part": RedisSettings})
    log: LogSettings = field(default_factory=LogSettings, metadata={"part": LogSettings})
    types: TypeSettings = field(default_factory=TypeSettings, metadata={"part": TypeSettings})
    queue: tuple[tuple[str, int | None], ...] = setting(
        "KRONSTREAM_QUEUE",
        "queue whose runs are executed, and how many at a time: reports=4 (several: again, or between commas)",
        queue_slots, (("default", None),), shown="default",
    )  # fmt: skip
    serves: tuple[str, ...] = setting(
        "KRONSTREAM_SERVES", "namespaces whose runs are executed; a run of another one fails at once (several: again, "
        "or between commas)", namespace_names, (), shown="all",
    )  # fmt: skip
    consumer_name: str = setting(
        "KRONSTREAM_CONSUMER_NAME", "name of this worker in the group, unlike any other's", visible,
        make=lambda: f"consumer-{uuid.uuid4()}", shown="consumer-<uuid>",
    )  # fmt: skip
    concurrency: int = setting(
        "KRONSTREAM_CONCURRENCY",
        "runs of a queue executed at a time, where the queue has no number",
        whole(1, 10_000),
        10,
    )
    limits: Limits = setting(  # noqa: RUF009 - a field, as the others
        "KRONSTREAM_LIMITS",
        "how many runs of a queue or a function all workers execute at a time, begin in a time, or both: "
        "queue:reports=10, function:mail:send=3+100/1m (several: again, or between commas)",
        worker_limits, make=lambda: Limits({}, {}), shown="none",
    )  # fmt: skip
    batch_size: int = setting(
        "KRONSTREAM_BATCH_SIZE", "runs taken at a time, more where more wait", whole(1, 10_000), 10
    )
    block_ms: int = setting(
        "KRONSTREAM_BLOCK_MS", "milliseconds to wait for a run before asking again", whole(1, 600_000), 5_000
    )
    enabled: bool = setting("KRONSTREAM_ENABLED", "take runs, or stay idle", switch, True, shown="true")
    handlers: tuple[str, ...] = setting(
        "KRONSTREAM_HANDLERS", "module, file or folder with handlers (several: again, or between commas)", listed, (),
        shown="none",
    )  # fmt: skip
    grace: int = setting(
        "KRONSTREAM_GRACE", "how long running handlers may go on after SIGTERM", span("0s", "1d"), 30_000, shown="30s"
    )
    child_memory: int | None = setting(
        "KRONSTREAM_CHILD_MEMORY", "memory that a run of a sync function may take, where its job says nothing",
        amount("16Mi", "1Ti"), None, shown="no limit",
    )  # fmt: skip
    child_cpu_time: int | None = setting(
        "KRONSTREAM_CHILD_CPU_TIME", "processor time that a run of a sync function may use, where its job says nothing",
        span("1s", "30d"), None, shown="no limit",
    )  # fmt: skip
    metrics_port: int = setting("KRONSTREAM_METRICS_PORT", METRICS_HELP, whole(0, 65_535), 0)
    metrics_host: str = setting(
        "KRONSTREAM_METRICS_HOST", "address the metrics port listens on", visible, "", shown="all interfaces"
    )

    @property
    def queues(self) -> dict[str, int]:
        """How many runs of each queue are executed at a time."""
        return {name: slots or self.concurrency for name, slots in self.queue}


def _replica() -> str:
    # the hostname is the Pod's name; the suffix keeps two processes on one machine apart
    return f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"


def _pod_namespace() -> str:
    try:
        return namespace_name(_POD_NAMESPACE.read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        return DEFAULT_NAMESPACE  # not in a Pod


@dataclass(frozen=True)
class OperatorSettings:
    """An operator replica. `grace`, `relist`, `runs_patience` are milliseconds; no namespaces means all."""

    redis: RedisSettings = field(default_factory=RedisSettings, metadata={"part": RedisSettings})
    log: LogSettings = field(default_factory=LogSettings, metadata={"part": LogSettings})
    namespaces: tuple[str, ...] = setting(
        "KRONSTREAM_NAMESPACES", "namespaces to serve (several: again, or between commas)", listed, (), shown="all"
    )
    replica: str = setting(
        "KRONSTREAM_REPLICA", "name of this replica, unlike any other's", visible, make=_replica, shown="<host>-<hex>"
    )
    grace: int = setting(
        "KRONSTREAM_SCHEDULE_GRACE", "how late an instant may be without being a missed one", span("1s", "1h"), 60_000,
        shown="60s",
    )  # fmt: skip
    relist: int = setting(
        "KRONSTREAM_RELIST", "how often deleted resources are looked for", span("10s", "1d"), 300_000, shown="5m"
    )
    operator_namespace: str = setting(
        "KRONSTREAM_OPERATOR_NAMESPACE", "namespace of the operator itself, where the ConfigMap of pauses is",
        namespace_name, make=_pod_namespace, shown=f"that of the Pod, else {DEFAULT_NAMESPACE}",
    )  # fmt: skip
    pauses: str = setting(
        "KRONSTREAM_PAUSES", "ConfigMap with a key for each paused namespace, or _all for all jobs", config_map_name,
        "kronstream-pauses",
    )  # fmt: skip
    take_over: str = setting(
        "KRONSTREAM_TAKE_OVER", "cluster that is no more, whose data in Redis this one goes on with; its operators say "
        "which that is", visible, "", shown="none",
    )  # fmt: skip
    paused: bool = setting("KRONSTREAM_PAUSED", "hold all jobs", switch, False, shown="false")
    status_rate: int = setting("KRONSTREAM_STATUS_RATE", "sustained status writes a second", whole(1, 10_000), 50)
    status_peak: int = setting("KRONSTREAM_STATUS_PEAK", "status writes a second in a burst", whole(1, 10_000), 600)
    status_burst: int = setting("KRONSTREAM_STATUS_BURST", "status writes in a burst", whole(1, 1_000_000), 10_000)
    runs_service: tuple[str, str, int] | None = setting(
        "KRONSTREAM_RUNS_SERVICE", "Service of the extension API server, as namespace/name:port, for which an "
        "APIService is kept while it is well", service_port, None, shown="none",
    )  # fmt: skip
    runs_address: tuple[str, int] | None = setting(
        "KRONSTREAM_RUNS_ADDRESS", "where it is asked how it is, as host:port", host_port, None,
        shown="name.namespace.svc:port of the Service",
    )  # fmt: skip
    runs_ca: Path | None = setting(  # noqa: RUF009 - a field, as the others
        "KRONSTREAM_RUNS_CA", "file with the authority (PEM) of its certificate", file_path, None, shown="none"
    )
    runs_patience: int = setting(
        "KRONSTREAM_RUNS_PATIENCE", "how long it may be away before its APIService is removed, so that deletions of "
        "namespaces do not wait for it", span("5s", "1d"), 30_000, shown="30s",
    )  # fmt: skip
    metrics_port: int = setting("KRONSTREAM_METRICS_PORT", METRICS_HELP, whole(0, 65_535), 8080)
    metrics_host: str = setting(
        "KRONSTREAM_METRICS_HOST", "address the metrics port listens on", visible, "", shown="all interfaces"
    )


@dataclass(frozen=True)
class RouterSettings:
    """A router of events. `relist` is milliseconds; no namespaces means all."""

    redis: RedisSettings = field(default_factory=RedisSettings, metadata={"part": RedisSettings})
    log: LogSettings = field(default_factory=LogSettings, metadata={"part": LogSettings})
    namespaces: tuple[str, ...] = setting(
        "KRONSTREAM_NAMESPACES", "namespaces to serve (several: again, or between commas)", listed, (), shown="all"
    )
    event_namespaces: tuple[str, ...] = setting(
        "KRONSTREAM_EVENT_NAMESPACES", "namespaces whose EventHandlers see events that name no namespace (several: "
        "again, or between commas)", listed, (), shown="all",
    )  # fmt: skip
    event_streams: tuple[str, ...] = setting(
        eventstream.SETTING, "streams that EventHandlers may name, or beginnings of their names with *, as "
        "stream:events,stream:shop:* (several: again, or between commas)", stream_patterns, (), shown="any",
    )  # fmt: skip
    closed_streams: tuple[str, ...] = setting(
        "KRONSTREAM_CLOSED_STREAMS", "streams that EventHandlers never may name beside kronstream's own: what workers' "
        "KRONSTREAM_AGENT_STREAM, KRONSTREAM_WORKFLOW_STREAM and KRONSTREAM_REPLY_STREAM name (several: again, or "
        "between commas)", listed, (), shown="none",
    )  # fmt: skip
    event_group: str = setting(
        "KRONSTREAM_EVENT_GROUP", "consumer group of the routers in streams of events", visible, "kronstream-router"
    )
    consumer_name: str = setting(
        "KRONSTREAM_CONSUMER_NAME", "name of this router in the group, unlike any other's", visible,
        make=lambda: f"router-{_replica()}", shown="router-<host>-<hex>",
    )  # fmt: skip
    relist: int = setting(
        "KRONSTREAM_RELIST", "how often deleted resources are looked for", span("10s", "1d"), 300_000, shown="5m"
    )
    status_rate: int = setting("KRONSTREAM_STATUS_RATE", "sustained status writes a second", whole(1, 10_000), 50)
    status_peak: int = setting("KRONSTREAM_STATUS_PEAK", "status writes a second in a burst", whole(1, 10_000), 600)
    status_burst: int = setting("KRONSTREAM_STATUS_BURST", "status writes in a burst", whole(1, 1_000_000), 10_000)
    metrics_port: int = setting("KRONSTREAM_METRICS_PORT", METRICS_HELP, whole(0, 65_535), 8081)
    metrics_host: str = setting(
        "KRONSTREAM_METRICS_HOST", "address the metrics port listens on", visible, "", shown="all interfaces"
    )

    @property
    def readers(self) -> str:
        """The consumer group of routers that serve the same namespaces: those of others must see each event as well."""
        return ":".join((self.event_group, ",".join(sorted(self.namespaces)))) if self.namespaces else self.event_group
