"""Settings of the admission webhook."""

from dataclasses import dataclass, field
from pathlib import Path

from kronstream.readers import file_path, visible, whole
from kronstream.setting import setting
from kronstream.settings import METRICS_HELP, LogSettings


@dataclass(frozen=True)
class WebhookSettings:
    """A replica of the admission webhook."""

    log: LogSettings = field(default_factory=LogSettings, metadata={"part": LogSettings})
    host: str = setting(
        "KRONSTREAM_WEBHOOK_HOST", "address that kube-apiserver connects to", visible, "", shown="all interfaces"
    )
    port: int = setting("KRONSTREAM_WEBHOOK_PORT", "port that kube-apiserver connects to", whole(1, 65_535), 9443)
    certificate: Path = setting(  # noqa: RUF009 - a field, as the others
        "KRONSTREAM_WEBHOOK_CERT", "file with the certificate (PEM) for <service>.<namespace>.svc; read again when it "
        "changes", file_path, Path("/etc/kronstream/tls/tls.crt"),
    )  # fmt: skip
    key: Path = setting(  # noqa: RUF009 - the same
        "KRONSTREAM_WEBHOOK_KEY", "file with its private key (PEM)", file_path, Path("/etc/kronstream/tls/tls.key")
    )
    metrics_port: int = setting("KRONSTREAM_METRICS_PORT", METRICS_HELP, whole(0, 65_535), 8083)
    metrics_host: str = setting(
        "KRONSTREAM_METRICS_HOST", "address the metrics port listens on", visible, "", shown="all interfaces"
    )
