"""ScheduledJobs on the API server."""

from typing import Any

from kronstream.cluster.api import ApiError
from kronstream.cluster.resources import Resources


class ScheduledJobs(Resources):
    """Reads jobs and writes their status; creates and deletes those that are made for one run."""

    PLURAL = "scheduledjobs"

    async def create(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job as the server keeps it; ApiError 409 when there is one of that name."""
        return dict(await self._api.send("POST", self._path(job["metadata"]["namespace"]), job))

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
        try:
            await self._api.send("DELETE", self._path(namespace, name), options, want=False)
        except ApiError as error:
            if error.status != 404:
                raise
