"""How each part of the control plane is started: programs and their arguments."""

from dataclasses import dataclass
from pathlib import Path

from kronstream.dev.pki import KeyPair

FRONT_PROXY = "front-proxy-client"
ETCD_QUOTA = 4 * 1024**3  # bytes; sustained status writes would fill the default of 2 GiB between compactions


@dataclass(frozen=True)
class Ports:
    """The loopback ports of one control plane."""

    etcd: int
    etcd_peer: int
    apiserver: int
    redis: int


@dataclass(frozen=True)
class Front:
    """How kube-apiserver shows extension API servers who it is: an authority for nothing else, and its certificate."""

    authority: Path
    client: KeyPair


@dataclass(frozen=True)
class Certificates:
    """Who is who in one control plane."""

    authority: Path
    etcd: KeyPair
    etcd_client: KeyPair
    apiserver: KeyPair
    admin: KeyPair
    service_accounts: KeyPair
    front: Front | None = None


def etcd(program: Path, data: Path, ports: Ports, certificates: Certificates, *, durable: bool) -> list[str]:
    """A single member; `durable` waits for the disk at every write."""
    client, peer = f"https://127.0.0.1:{ports.etcd}", f"https://127.0.0.1:{ports.etcd_peer}"
    pair, authority = certificates.etcd, certificates.authority
    return [
        str(program),
        f"--data-dir={data}",
        "--name=kronstream",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=kronstream={peer}",
        f"--cert-file={pair.certificate}",
        f"--key-file={pair.key}",
        "--client-cert-auth",
        f"--trusted-ca-file={authority}",
        f"--peer-cert-file={pair.certificate}",
        f"--peer-key-file={pair.key}",
        "--peer-client-cert-auth",
        f"--peer-trusted-ca-file={authority}",
        f"--quota-backend-bytes={ETCD_QUOTA}",
        "--log-level=warn",
        *([] if durable else ["--unsafe-no-fsync"]),
    ]


def apiserver(program: Path, ports: Ports, certificates: Certificates, *, controller_manager: bool) -> list[str]:
    """RBAC on, anonymous requests only as RBAC allows; service-account tokens are signed with a key of its own."""
    pair, tokens = certificates.apiserver, certificates.service_accounts
    return [
        str(program),
        f"--etcd-servers=https://127.0.0.1:{ports.etcd}",
        f"--etcd-cafile={certificates.authority}",
        f"--etcd-certfile={certificates.etcd_client.certificate}",
        f"--etcd-keyfile={certificates.etcd_client.key}",
        "--bind-address=127.0.0.1",
        f"--secure-port={ports.apiserver}",
        f"--tls-cert-file={pair.certificate}",
        f"--tls-private-key-file={pair.key}",
        f"--client-ca-file={certificates.authority}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={tokens.certificate}",
        f"--service-account-signing-key-file={tokens.key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--endpoint-reconciler-type=none",  # Endpoints may not hold a loopback address
        "--allow-privileged=true",
        *(_aggregation(certificates.front) if certificates.front else ()),
        # nobody makes the service account `default` of a namespace where there is no controller-manager
        *([] if controller_manager else ["--disable-admission-plugins=ServiceAccount"]),
    ]


def _aggregation(front: Front) -> list[str]:
    return [
        f"--requestheader-client-ca-file={front.authority}",
        f"--requestheader-allowed-names={FRONT_PROXY}",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={front.client.certificate}",
        f"--proxy-client-key-file={front.client.key}",
    ]


def controller_manager(program: Path, kubeconfig: Path, certificates: Certificates) -> list[str]:
    """All controllers, no leader election, no port of its own."""
    return [
        str(program),
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        f"--root-ca-file={certificates.authority}",
        f"--service-account-private-key-file={certificates.service_accounts.key}",
    ]


def redis(program: Path, data: Path, ports: Ports) -> list[str]:
    """Persistent by its append-only file, synced every second, evicting nothing, on loopback only."""
    return [
        str(program),
        *("--bind", "127.0.0.1"),
        *("--port", str(ports.redis)),
        *("--dir", str(data)),
        *("--appendonly", "yes"),
        *("--appendfsync", "everysec"),
        *("--save", ""),
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no"),
    ]
