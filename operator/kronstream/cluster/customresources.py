"""Custom resources of any kind, made with the rights of a service account of their namespace."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from kronstream.cluster.api import ApiError, ClusterApi

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """A kind that the cluster serves; `name` is `plural.group/version`."""

    version: str
    plural: str
    namespaced: bool

    @property
    def name(self) -> str:
        """As an administrator writes it."""
        group, _, version = self.version.partition("/")
        return f"{self.plural}.{group}/{version}"


class CustomResources:
    """Makes, reads and deletes them. All calls raise what ClusterApi raises."""

    def __init__(self, api: ClusterApi) -> None:
        self._api = api

    async def kind(self, version: str, kind: str) -> ResourceKind | None:
        """How a kind of an apiVersion is addressed; None when the cluster does not serve it."""
        try:
            served = await self._api.send("GET", f"/apis/{quote(version)}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        for one in served.get("resources") or ():
            if one.get("kind") == kind and "/" not in one.get("name", "/"):
                return ResourceKind(version, one["name"], bool(one.get("namespaced")))
        return None

    async def create(self, kind: ResourceKind, resource: Object, account: str) -> Object:
        """The resource as the server keeps it; ApiError 409 when there is one of that name."""
        namespace = resource["metadata"]["namespace"]
        return dict(await self._api.send("POST", _path(kind, namespace), resource, account=(namespace, account)))

    async def get(self, kind: ResourceKind, namespace: str, name: str, account: str) -> Object | None:
        """One resource, None when there is none."""
        try:
            return dict(await self._api.send("GET", _path(kind, namespace, name), account=(namespace, account)))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def delete(self, kind: ResourceKind, namespace: str, name: str, uid: str, account: str) -> None:
        """Delete this very resource; one that is gone is fine."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        path = _path(kind, namespace, name)
        try:
            await self._api.send("DELETE", path, options, want=False, account=(namespace, account))
        except ApiError as error:
            if error.status not in (404, 409):  # 409: another resource has the name
                raise


def _path(kind: ResourceKind, namespace: str, name: str = "") -> str:
    path = f"/apis/{quote(kind.version)}/namespaces/{quote(namespace)}/{quote(kind.plural)}"
    return path + (f"/{quote(name)}" if name else "")
