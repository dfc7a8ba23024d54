"""The extension API server of a development session: one process, found by kube-apiserver through a Service."""

from collections.abc import Mapping
from typing import Any

from kronstream.dev.components import Component, component
from kronstream.dev.controlplane import NAMESPACE, ControlPlane
from kronstream.dev.loopback import free_ports

ROLE = "runs-apiserver"
SERVICE = "kronstream-runs"


class Extension:
    """Which port it has, what it and the operators are told, and the Service; for a plane with aggregation."""

    def __init__(self, plane: ControlPlane) -> None:
        (self.port,) = free_ports(1)
        self._plane = plane
        self._pair = plane.server_certificate(ROLE, f"{SERVICE}.{NAMESPACE}.svc")

    @property
    def operator_environ(self) -> Mapping[str, str]:
        """With which operators look after the APIService."""
        return {
            "KRONSTREAM_RUNS_SERVICE": f"{NAMESPACE}/{SERVICE}:{self.port}",
            "KRONSTREAM_RUNS_ADDRESS": f"127.0.0.1:{self.port}",
            "KRONSTREAM_RUNS_CA": str(self._plane.authority),
        }

    @property
    def environ(self) -> Mapping[str, str]:
        """Of the server itself."""
        return {
            "KRONSTREAM_RUNS_HOST": "127.0.0.1",
            "KRONSTREAM_RUNS_PORT": str(self.port),
            "KRONSTREAM_RUNS_CERT": str(self._pair.certificate),
            "KRONSTREAM_RUNS_KEY": str(self._pair.key),
        }

    @property
    def service(self) -> dict[str, Any]:
        """The Service; Endpoints may not hold a loopback address, a name may stand for one."""
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": SERVICE, "namespace": NAMESPACE},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        }

    def component(self) -> Component:
        """The process, not started yet."""
        return component(self._plane, ROLE, 1, environ=self.environ)
