"""Settings of the HTTP API."""

from __future__ import annotations

from dataclasses import dataclass, field

from kronstream.domain.errors import Invalid
from kronstream.readers import choice, listed, namespace_name, span, visible, whole
from kronstream.setting import setting
from kronstream.settings import IngestSettings, LogSettings, RedisSettings

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class ApiSettings:
    """The HTTP API. `rate` is requests a minute; no namespaces means all."""

    redis: RedisSettings = field(default_factory=RedisSettings, metadata={"part": RedisSettings})
    log: LogSettings = field(default_factory=LogSettings, metadata={"part": LogSettings})
    ingest: IngestSettings = field(default_factory=IngestSettings, metadata={"part": IngestSettings})
    host: str = setting(
        "KRONSTREAM_API_HOST", "address to listen on", visible, "", shown="all interfaces; loopback with --auth none"
    )
    port: int = setting("KRONSTREAM_API_PORT", "port to listen on", whole(1, 65_535), 3051)
    metrics_port: int = setting(
        "KRONSTREAM_API_METRICS_PORT", "port of its own, without TLS, for /metrics, /healthz and /readyz; /metrics is "
        "there alone then. 0: all three at the port of the API", whole(0, 65_535), 0,
    )  # fmt: skip
    auth: str = setting(
        "KRONSTREAM_API_AUTH", "how callers say who they are: token (judged by the cluster), or none, on loopback only",
        choice("token", "none"), "token",
    )  # fmt: skip
    audiences: tuple[str, ...] = setting(
        "KRONSTREAM_API_AUDIENCES", "whom tokens must be made for, one of these (several: again, or between commas)",
        listed, (), shown="the Kubernetes API server",
    )  # fmt: skip
    tls_cert: str = setting(
        "KRONSTREAM_API_TLS_CERT", "file of the certificate chain (PEM); read again when it changes", visible, "",
        shown="none: plain HTTP",
    )  # fmt: skip
    tls_key: str = setting("KRONSTREAM_API_TLS_KEY", "file of the certificate's key (PEM)", visible, "", shown="none")
    cors_origin: tuple[str, ...] = setting(
        "KRONSTREAM_API_CORS_ORIGIN", "origins whose pages may call, as https://console.example (several: again, or "
        "between commas)", listed, (), shown="none",
    )  # fmt: skip
    default_namespace: str = setting(
        "KRONSTREAM_API_NAMESPACE", "namespace of requests that name none", namespace_name, "default"
    )
    namespaces: tuple[str, ...] = setting(
        "KRONSTREAM_NAMESPACES", "namespaces to serve (several: again, or between commas)", listed, (), shown="all"
    )
    event_namespaces: tuple[str, ...] = setting(
        "KRONSTREAM_EVENT_NAMESPACES", "namespaces whose EventHandlers see events that name no namespace (several: "
        "again, or between commas)", listed, (), shown="all",
    )  # fmt: skip
    rate: int = setting(
        "KRONSTREAM_API_RATE", "requests that one caller may make in a minute", whole(1, 100_000_000), 30_000
    )
    stranger_rate: int = setting(
        "KRONSTREAM_API_STRANGER_RATE", "tokens not seen lately that one address may come with in a minute, at each "
        "replica", whole(1, 1_000_000), 600,
    )  # fmt: skip
    concurrency: int = setting(
        "KRONSTREAM_API_CONCURRENCY", "requests under way at a time at each replica, streams aside; ten times as many "
        "connections", whole(1, 100_000), 1_000,
    )  # fmt: skip
    relist: int = setting(
        "KRONSTREAM_RELIST", "how often deleted resources are looked for", span("10s", "1d"), 300_000, shown="5m"
    )

    def __post_init__(self) -> None:
        if self.auth == "none" and self.host not in ("", *LOOPBACK):
            raise Invalid(
                "--auth (KRONSTREAM_API_AUTH)", "none lets everybody in, and --host is not a loopback address",
                "write --auth token, or --host 127.0.0.1",
            )  # fmt: skip
        if bool(self.tls_cert) != bool(self.tls_key):
            raise Invalid("--tls-cert, --tls-key", "only one of them is given", "write both, or none for plain HTTP")

        if self.metrics_port == self.port:
            where = "--metrics-port (KRONSTREAM_API_METRICS_PORT)"
            raise Invalid(where, "is the port of the API, too", "write another, or 0")

    @property
    def address(self) -> str:
        """The address to listen on; '' for all interfaces."""
        return self.host or (LOOPBACK[0] if self.auth == "none" else "")
