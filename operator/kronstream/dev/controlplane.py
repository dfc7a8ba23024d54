"""A real control plane on loopback: etcd, kube-apiserver, Redis and, when asked for, kube-controller-manager."""

import json
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kronstream.dev import manifests, parts
from kronstream.dev.binaries import CONTROLLER_MANAGER, Binaries, find, wanted
from kronstream.dev.errors import DevError
from kronstream.dev.https import Https
from kronstream.dev.kubeconfig import write_kubeconfig
from kronstream.dev.kubectl import Kubectl
from kronstream.dev.loopback import free_ports
from kronstream.dev.pki import Authority, KeyPair
from kronstream.dev.privatefile import write_json
from kronstream.dev.process import Process
from kronstream.dev.redisserver import find_redis

NAMESPACE = "kronstream-system"
DEV_FOLDER = "overlays/dev"  # of deploy/, what workers may do here beside the usual
RUNS_FOLDER = "runs-apiserver"  # of deploy/, what the extension API server needs
STOP_GRACE = 5.0  # seconds a part has to end after SIGTERM


@dataclass(frozen=True)
class Part:
    """One process of the control plane, how one knows that it serves, and where its data is."""

    process: Process
    ready: Callable[[], bool]
    limit: float
    data: Path | None = None


class ControlPlane:
    """Starts, stops and harms the parts `etcd`, `apiserver`, `redis` and `controller-manager`.

    A context manager. Ports and data stay the same while it lives, so that a part may be stopped and started again.
    Everything dies with this process.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        controller_manager: bool = False,
        aggregation: bool = False,
        binaries: Binaries | None = None,
        extra_arguments: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """In `folder`, kept and durable; without one in a temporary folder that `stop` removes.

        With `aggregation` the API server passes requests on to extension API servers, and the rights of ours are
        installed, too. `extra_arguments` are appended to the command of the part they are named for. Raises DevError
        when a program is missing.
        """
        self._programs = binaries or find(wanted(controller_manager=controller_manager), os.environ)
        self._redis_server = find_redis(os.environ)
        self.durable = folder is not None
        self.folder = folder.absolute() if folder else Path(tempfile.mkdtemp(prefix="kronstream-"))
        self.logs = self.folder / "logs"
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._extra = extra_arguments or {}
        self._controller_manager = controller_manager
        self._aggregation = aggregation
        self._authority = Authority(self.folder / "pki")
        self.ports = self._choose_ports()
        self.server = f"https://127.0.0.1:{self.ports.apiserver}"
        self.redis_url = f"redis://127.0.0.1:{self.ports.redis}/0"
        self._certificates = self._issue()
        admin = self._certificates.admin
        self.kubeconfig = write_kubeconfig(
            self.folder / "kubeconfig", self.server, self._certificates.authority, "admin", admin
        )
        self.kubectl = Kubectl(self._programs.path("kubectl"), self.kubeconfig, os.environ)
        self.api = Https(self.ports.apiserver, self._certificates.authority, admin)
        self._parts = self._make_parts()

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Starts every part, waits until they serve, installs CRDs and rights: about 4 s. Raises DevError."""
        try:
            for name in ("etcd", "redis"):
                self._parts[name].process.start()
            for name in self._parts:
                self.start_part(name)
            self.install()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ends every part, the ones that others need last; removes a temporary folder. May be repeated."""
        for part in reversed(self._parts.values()):
            # only what is kept needs an orderly end
            part.process.stop(signal.SIGTERM if self.durable else signal.SIGKILL, STOP_GRACE)
        if not self.durable:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def install(self) -> None:
        """Applies the CRDs and, of `deploy/`, namespace and RBAC; returns when the resources are served."""
        crds = manifests.crds()
        objects = [*crds, *manifests.rights(DEV_FOLDER, *([RUNS_FOLDER] if self._aggregation else []))]
        if objects:
            everything = {"apiVersion": "v1", "kind": "List", "items": objects}
            self.apply(json.dumps(everything))
        deadline = time.monotonic() + 30
        for path in [path for crd in crds for path in _served(crd)]:
            while not self.api.ok(path):
                if time.monotonic() > deadline:
                    raise DevError(f"the API server does not serve {path} 30 s after its CRD was applied")
                time.sleep(0.02)

    def apply(self, manifest: str) -> str:
        """Applies YAML or JSON as `kubectl apply --server-side` does and returns what kubectl said."""
        return self.kubectl(
            "apply", "--server-side", "--force-conflicts", "--field-manager=kronstream-dev", "-f", "-", stdin=manifest
        )

    def kubeconfig_for(self, service_account: str, namespace: str = NAMESPACE) -> Path:
        """A kubeconfig with which one is that service account, with the rights that RBAC gives it and no others."""
        file = self.folder / "kubeconfigs" / f"{namespace}.{service_account}"
        user = f"system:serviceaccount:{namespace}:{service_account}"
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        pair = self._authority.issue(f"{namespace}.{service_account}", user, groups)
        return write_kubeconfig(file, self.server, self._certificates.authority, service_account, pair)

    def server_certificate(self, file: str, name: str) -> KeyPair:
        """A certificate for a server on loopback that has this DNS name besides."""
        return self._authority.issue(file, name, server=True, names=[name])

    @property
    def authority(self) -> Path:
        """The certificate (PEM) of the authority that signs all others."""
        return self._certificates.authority

    # -- parts ---------------------------------------------------------------------------------------------------

    @property
    def processes(self) -> Mapping[str, Process]:
        """The processes by name, in the order in which they are started."""
        return {name: part.process for name, part in self._parts.items()}

    @property
    def pids(self) -> dict[str, int | None]:
        """Process ids by name; None for a part that is down."""
        return {name: part.process.pid for name, part in self._parts.items()}

    def start_part(self, name: str) -> None:
        """Starts a part, on the same port and data as before, and waits until it serves. Raises PartFailedError."""
        part = self._parts[name]
        part.process.start()
        part.process.wait_until(part.ready, part.limit)

    def stop_part(self, name: str, number: int = signal.SIGTERM, grace: float = STOP_GRACE) -> None:
        """Ends a part with a signal, SIGKILL for a crash, and waits until it is gone."""
        self._parts[name].process.stop(number, grace)

    def restart_part(self, name: str, number: int = signal.SIGTERM) -> None:
        """`stop_part`, then `start_part`."""
        self.stop_part(name, number)
        self.start_part(name)

    def signal_part(self, name: str, number: int) -> None:
        """Sends a signal and waits for nothing: SIGSTOP freezes, SIGCONT thaws."""
        self._parts[name].process.send(number)

    def save_part(self, name: str, folder: Path) -> None:
        """Copies the data of `etcd` or `redis`, as a crash at this instant would leave it, to `folder` (made anew)."""
        part = self._parts[name]
        part.process.send(signal.SIGSTOP)
        try:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(self._data(name), folder)
        finally:
            part.process.send(signal.SIGCONT)

    def restore_part(self, name: str, folder: Path) -> None:
        """Crashes `etcd` or `redis` and starts it with the data of an earlier `save_part`.

        With etcd the API server is started anew, as every guide to restoring etcd demands: its caches are ahead.
        """
        dependants = ["apiserver", "controller-manager"] if name == "etcd" else []
        dependants = [dependant for dependant in dependants if dependant in self._parts]
        for each in (*dependants, name):
            self.stop_part(each, signal.SIGKILL)
        shutil.rmtree(self._data(name))
        shutil.copytree(folder, self._data(name))
        for each in (name, *dependants):
            self.start_part(each)

    # -- making --------------------------------------------------------------------------------------------------

    def _data(self, name: str) -> Path:
        data = self._parts[name].data
        if data is None:
            raise DevError(f"{name} keeps no data")
        return data

    def _choose_ports(self) -> parts.Ports:
        """The ports of the last time when they are free, so that kubeconfigs and URLs stay good."""
        file = self.folder / "ports.json"
        try:
            last = tuple(int(port) for port in json.loads(file.read_text(encoding="utf-8")).values())
        except (OSError, ValueError, AttributeError, TypeError):
            last = ()
        ports = parts.Ports(*free_ports(4, last))
        write_json(file, dict(zip(("etcd", "etcd_peer", "apiserver", "redis"), astuple(ports), strict=True)))
        return ports

    def _issue(self) -> parts.Certificates:
        issue = self._authority.issue
        return parts.Certificates(
            authority=self._authority.pair.certificate,
            etcd=issue("etcd", "etcd", server=True),
            etcd_client=issue("etcd-client", "kube-apiserver"),
            apiserver=issue("apiserver", "kube-apiserver", server=True),
            admin=issue("admin", "kronstream-admin", ["system:masters"]),
            service_accounts=self._authority.signing_key("service-accounts"),
            front=self._front() if self._aggregation else None,
        )

    def _front(self) -> parts.Front:
        authority = Authority(self.folder / "pki" / "front-proxy")
        return parts.Front(authority.pair.certificate, authority.issue("client", parts.FRONT_PROXY))

    def _make_parts(self) -> dict[str, Part]:
        ports, certificates, program = self.ports, self._certificates, self._programs.path
        store, queue = self.folder / "etcd", self.folder / "redis"
        for data in (store, queue):
            data.mkdir(mode=0o700, exist_ok=True)
        etcd = parts.etcd(program("etcd"), store, ports, certificates, durable=self.durable)
        store_api = Https(ports.etcd, certificates.authority, certificates.etcd_client)
        api = parts.apiserver(
            program("kube-apiserver"), ports, certificates, controller_manager=self._controller_manager
        )
        redis = parts.redis(self._redis_server, queue, ports)
        made = {
            "etcd": Part(self._process("etcd", etcd), lambda: store_api.ok("/health"), 60, store),
            "redis": Part(self._process("redis", redis), lambda: pong(ports.redis), 60, queue),
            "apiserver": Part(self._process("apiserver", api), self._api_serves, 120),
        }
        if self._controller_manager:
            manager = parts.controller_manager(program(CONTROLLER_MANAGER), self.kubeconfig, certificates)
            made["controller-manager"] = Part(self._process("controller-manager", manager), self._controllers_work, 120)
        return made

    def _process(self, name: str, command: list[str]) -> Process:
        return Process(name, [*command, *self._extra.get(name, ())], self.logs / f"{name}.log")

    def _api_serves(self) -> bool:
        # the namespace is made by the server itself, shortly after it says that it is ready
        return self.api.ok("/readyz") and self.api.ok("/api/v1/namespaces/default")

    def _controllers_work(self) -> bool:
        return self.api.ok("/api/v1/namespaces/default/serviceaccounts/default")


def pong(port: int) -> bool:
    """Whether a Redis on loopback has loaded its data and answers."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def _served(crd: dict[str, Any]) -> list[str]:
    """The paths under which a CRD's resources are listed once it is established."""
    group, plural = crd["spec"]["group"], crd["spec"]["names"]["plural"]
    versions = [version["name"] for version in crd["spec"]["versions"] if version["served"]]
    return [f"/apis/{group}/{version}/{plural}?limit=1" for version in versions]
