"""ScheduledJobs on the API server."""

from typing import Any

from kronstream.cluster.api import JSON_PATCH, METADATA_LIST, ApiError, ClusterApi

GROUP, VERSION, PLURAL = "kronstream.dev", "v1", "scheduledjobs"
_BASE = f"/apis/{GROUP}/{VERSION}"


class ScheduledJobs:
    """Reads jobs and writes their status, in all namespaces or in some."""

    def __init__(self, api: ClusterApi, namespaces: tuple[str, ...] = ()) -> None:
        self._api = api
        self._namespaces = namespaces

    def covers(self, namespace: str) -> bool:
        """Whether jobs of the namespace are read at all."""
        return not self._namespaces or namespace in self._namespaces

    async def list_whole(self) -> list[dict[str, Any]]:
        """All jobs, whole."""
        return await self._pages("application/json")

    async def list_metadata(self) -> list[dict[str, Any]]:
        """The metadata of all jobs."""
        return [item["metadata"] for item in await self._pages(METADATA_LIST)]

    async def get(self, namespace: str, name: str) -> dict[str, Any] | None:
        """One job, None when there is none."""
        try:
            found = await self._api.send("GET", f"{_BASE}/namespaces/{namespace}/{PLURAL}/{name}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return dict(found)

    async def write_status(self, namespace: str, name: str, uid: str, status: dict[str, Any]) -> None:
        """Replace the status of the job with this UID.

        Raises ApiError 422 when the UID is another one or the API server's status has a higher ``seq``, 404 when
        the job is gone. A merge patch would not do: the API server ignores a wrong UID in it.
        """
        patch = [
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "add", "path": "/status", "value": status},
        ]
        path = f"{_BASE}/namespaces/{namespace}/{PLURAL}/{name}/status"
        await self._api.send("PATCH", path, patch, kind=JSON_PATCH, want=False)

    async def delete(self, namespace: str, name: str, uid: str, version: str) -> None:
        """Delete the job as it was read: with this UID and resourceVersion; one that is gone is fine.

        Raises ApiError 409 when it is another one, or changed since.
        """
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid, "resourceVersion": version},
        }
        path = f"{_BASE}/namespaces/{namespace}/{PLURAL}/{name}"
        try:
            await self._api.send("DELETE", path, options, want=False)
        except ApiError as error:
            if error.status != 404:
                raise

    async def _pages(self, accept: str) -> list[dict[str, Any]]:
        if not self._namespaces:
            return await self._api.pages(f"{_BASE}/{PLURAL}", accept=accept)
        found: list[dict[str, Any]] = []
        for namespace in self._namespaces:
            found += await self._api.pages(f"{_BASE}/namespaces/{namespace}/{PLURAL}", accept=accept)
        return found
