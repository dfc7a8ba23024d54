"""The APIService that leads kube-apiserver to our extension API server."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from kronstream.cluster.api import ApiError, ClusterApi

GROUP, VERSION = "runs.kronstream.dev", "v1"
NAME = f"{VERSION}.{GROUP}"
_PATH = "/apis/apiregistration.k8s.io/v1/apiservices"
_APPLY = "application/apply-patch+yaml"
_PRIORITY = 1_000
OWNER = "kronstream"


@dataclass(frozen=True, slots=True)
class Backend:
    """Where it leads: a port of a Service; ``authority`` is the PEM of what signed its certificate."""

    namespace: str
    service: str
    port: int
    authority: bytes


class ApiServices:
    """Makes and removes it. Raises what ClusterApi raises."""

    def __init__(self, api: ClusterApi) -> None:
        self._api = api

    async def put(self, backend: Backend) -> None:
        """It is there, and leads to this backend; may be repeated."""
        await self._api.send(
            "PATCH", f"{_PATH}/{NAME}?fieldManager={OWNER}&force=true", manifest(backend), kind=_APPLY, want=False
        )

    async def remove(self) -> bool:
        """It is not there; False when it was not before."""
        try:
            await self._api.send("DELETE", f"{_PATH}/{NAME}", want=False)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True


def manifest(backend: Backend) -> dict[str, Any]:
    """The object."""
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": NAME, "labels": {"app.kubernetes.io/name": "kronstream"}},
        "spec": {
            "group": GROUP,
            "version": VERSION,
            "groupPriorityMinimum": _PRIORITY,
            "versionPriority": 15,
            "service": {"namespace": backend.namespace, "name": backend.service, "port": backend.port},
            "caBundle": b64encode(backend.authority).decode(),
        },
    }
