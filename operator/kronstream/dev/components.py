"""Operators, routers, workers and the API of a development session: child processes with the rights of `deploy/`."""

import http.client
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kronstream.dev.controlplane import ControlPlane
from kronstream.dev.errors import DevError
from kronstream.dev.loopback import free_ports
from kronstream.dev.process import Process
from kronstream.domain.errors import Invalid
from kronstream.setting import read_settings
from kronstream.settings import WorkerSettings

KRONSTREAM = (sys.executable, "-m", "kronstream.cli.main")
DEFAULTS = {"KRONSTREAM_GRACE": "10s"}  # who presses Ctrl-C does not want to wait for 30 s
ACCOUNTS = {"router": "operator", "runs-apiserver": "runs"}  # whose service account a role has, where it is not its own
CONSUMERS = ("router", "worker")
KILL_MARGIN = 5.0  # seconds a worker has after its own grace


@dataclass(frozen=True)
class Component:
    """A process and the loopback port on which it answers /readyz."""

    process: Process
    port: int

    @property
    def name(self) -> str:
        return self.process.name

    def ready(self) -> bool:
        """Whether it says that it is ready."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def operators(plane: ControlPlane, count: int, environ: Mapping[str, str] | None = None) -> list[Component]:
    """`operator-1` and so on, not started yet."""
    return [component(plane, "operator", number, environ=environ) for number in range(1, count + 1)]


def routers(plane: ControlPlane, count: int) -> list[Component]:
    """`router-1` and so on, not started yet; in a cluster each is a container in the Pod of an operator."""
    return [component(plane, "router", number) for number in range(1, count + 1)]


def workers(plane: ControlPlane, count: int, handlers: str | None) -> list[Component]:
    """`worker-1` and so on, not started yet; `handlers` is a module, file or folder."""
    arguments = ("--handlers", _resolved(handlers)) if handlers else ()
    return [component(plane, "worker", number, arguments) for number in range(1, count + 1)]


def apis(plane: ControlPlane, port: int) -> list[Component]:
    """`api-1`, not started yet, at a port of its own; everybody on this machine may call it."""
    return [component(plane, "api", 1, port=port)]


def worker_grace() -> float:
    """Seconds that a worker may take to end. Raises DevError when the environment sets nonsense."""
    try:
        return read_settings(WorkerSettings, {**DEFAULTS, **os.environ}).grace / 1000 + KILL_MARGIN
    except Invalid as error:
        raise DevError(str(error)) from error


def component(
    plane: ControlPlane,
    role: str,
    number: int,
    arguments: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    port: int | None = None,
) -> Component:
    """One process of a role, with the rights of its service account; not started yet."""
    name = f"{role}-{number}"
    if port is None:
        (port,) = free_ports(1)
    environ = {**DEFAULTS, **os.environ, **_environ(plane, role, name, port), **(environ or {})}
    command = [*KRONSTREAM, role, *arguments]
    return Component(Process(name, command, plane.logs / f"{name}.log", environ=environ, folder=Path.cwd()), port)


def _environ(plane: ControlPlane, role: str, name: str, port: int) -> Mapping[str, str]:
    return {
        "KUBECONFIG": str(plane.kubeconfig_for(f"kronstream-{ACCOUNTS.get(role, role)}")),
        "KRONSTREAM_REDIS_URL": plane.redis_url,
        # like a Pod's name it outlives a restart, so that the worker finds what it left pending
        **({"KRONSTREAM_CONSUMER_NAME": name} if role in CONSUMERS else {}),
        "KRONSTREAM_METRICS_PORT": str(port),
        "KRONSTREAM_METRICS_HOST": "127.0.0.1",
        **(_api_environ(port) if role == "api" else {}),
        "PYTHONUNBUFFERED": "1",
    }


def _api_environ(port: int) -> Mapping[str, str]:
    return {"KRONSTREAM_API_PORT": str(port), "KRONSTREAM_API_HOST": "127.0.0.1", "KRONSTREAM_API_AUTH": "none"}


def _resolved(handlers: str) -> str:
    path = Path(handlers)
    return str(path.absolute()) if path.exists() else handlers
