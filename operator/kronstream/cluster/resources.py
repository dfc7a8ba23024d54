"""Resources of one of our kinds on the API server."""

from typing import Any, ClassVar

from kronstream.cluster.api import JSON_PATCH, METADATA_LIST, ApiError, ClusterApi

GROUP, VERSION = "kronstream.dev", "v1"
_BASE = f"/apis/{GROUP}/{VERSION}"


class Resources:
    """Reads the resources of a kind and writes their status, in all namespaces or in some."""

    PLURAL: ClassVar[str]

    def __init__(self, api: ClusterApi, namespaces: tuple[str, ...] = ()) -> None:
        self._api = api
        self._namespaces = namespaces

    def covers(self, namespace: str) -> bool:
        """Whether resources of the namespace are read at all."""
        return not self._namespaces or namespace in self._namespaces

    async def list_whole(self) -> list[dict[str, Any]]:
        """All of them, whole."""
        return await self._pages("application/json")

    async def list_metadata(self) -> list[dict[str, Any]]:
        """The metadata of all of them."""
        return [item["metadata"] for item in await self._pages(METADATA_LIST)]

    async def get(self, namespace: str, name: str) -> dict[str, Any] | None:
        """One resource, None when there is none."""
        try:
            found = await self._api.send("GET", self._path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return dict(found)

    async def write_status(self, namespace: str, name: str, uid: str, status: dict[str, Any]) -> None:
        """Replace the status of the resource with this UID.

        Raises ApiError 422 when the UID is another one or the API server's status has a higher ``seq``, 404 when
        the resource is gone. A merge patch would not do: the API server ignores a wrong UID in it.
        """
        patch = [
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "add", "path": "/status", "value": status},
        ]
        await self._api.send("PATCH", f"{self._path(namespace, name)}/status", patch, kind=JSON_PATCH, want=False)

    def _path(self, namespace: str, name: str = "") -> str:
        return f"{_BASE}/namespaces/{namespace}/{self.PLURAL}" + (f"/{name}" if name else "")

    async def _pages(self, accept: str) -> list[dict[str, Any]]:
        if not self._namespaces:
            return await self._api.pages(f"{_BASE}/{self.PLURAL}", accept=accept)
        found: list[dict[str, Any]] = []
        for namespace in self._namespaces:
            found += await self._api.pages(self._path(namespace), accept=accept)
        return found
