"""Settings of the extension API server."""

from dataclasses import dataclass, field
from pathlib import Path

from kronstream.readers import file_path, span, visible, whole
from kronstream.setting import setting
from kronstream.settings import METRICS_HELP, LogSettings, RedisSettings


@dataclass(frozen=True)
class RunsSettings:
    """A replica of the extension API server. `store_timeout` is milliseconds."""

    redis: RedisSettings = field(default_factory=RedisSettings, metadata={"part": RedisSettings})
    log: LogSettings = field(default_factory=LogSettings, metadata={"part": LogSettings})
    host: str = setting(
        "KRONSTREAM_RUNS_HOST", "address that kube-apiserver connects to", visible, "", shown="all interfaces"
    )
    port: int = setting("KRONSTREAM_RUNS_PORT", "port that kube-apiserver connects to", whole(1, 65_535), 8443)
    certificate: Path = setting(  # noqa: RUF009 - a field, as the others
        "KRONSTREAM_RUNS_CERT", "file with the certificate (PEM) for <service>.<namespace>.svc; read again when it "
        "changes", file_path, Path("/etc/kronstream/tls/tls.crt"),
    )  # fmt: skip
    key: Path = setting(  # noqa: RUF009 - the same
        "KRONSTREAM_RUNS_KEY", "file with its private key (PEM)", file_path, Path("/etc/kronstream/tls/tls.key")
    )
    store_timeout: int = setting(
        "KRONSTREAM_RUNS_STORE_TIMEOUT", "how long an answer of Redis is waited for", span("100ms", "30s"), 2_000,
        shown="2s",
    )  # fmt: skip
    metrics_port: int = setting("KRONSTREAM_METRICS_PORT", METRICS_HELP, whole(0, 65_535), 8082)
    metrics_host: str = setting(
        "KRONSTREAM_METRICS_HOST", "address the metrics port listens on", visible, "", shown="all interfaces"
    )
