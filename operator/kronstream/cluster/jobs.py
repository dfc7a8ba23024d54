"""Batch/v1 Jobs on the API server, their Pods and logs."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, urlencode

from kronstream.cluster.api import ApiError, ClusterApi

MERGE_PATCH = "application/merge-patch+json"
WATCH = 60  # seconds; a connection that died without a word costs no more than that
LOG_BYTES = 262_144  # read at most of one log

Object = dict[str, Any]


class Jobs:
    """Makes, reads and deletes Jobs. All calls raise what ClusterApi raises."""

    def __init__(self, api: ClusterApi, label: str, namespace: str = "") -> None:
        """`label` marks the Jobs that are listed and watched, in all namespaces or in one."""
        self._api = api
        path = _path(namespace) if namespace else "/apis/batch/v1/jobs"
        self._marked = f"{path}?{urlencode({'labelSelector': label})}"

    async def create(self, job: Object) -> Object:
        """The Job as the server keeps it; ApiError 409 when there is one of that name."""
        return dict(await self._api.send("POST", _path(job["metadata"]["namespace"]), job))

    async def get(self, namespace: str, name: str) -> Object | None:
        """One Job, None when there is none."""
        try:
            return dict(await self._api.send("GET", _path(namespace, name)))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def delete(self, namespace: str, name: str, uid: str) -> None:
        """Delete this very Job; its Pods are ended after it, each within its own grace. One that is gone is fine."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        try:
            await self._api.send("DELETE", _path(namespace, name), options, want=False)
        except ApiError as error:
            if error.status not in (404, 409):  # 409: another Job has the name
                raise

    async def keep_for(self, namespace: str, name: str, uid: str, seconds: int) -> None:
        """Have the cluster delete a finished Job after so many seconds."""
        patch = {"metadata": {"uid": uid}, "spec": {"ttlSecondsAfterFinished": seconds}}
        await self._api.send("PATCH", _path(namespace, name), patch, kind=MERGE_PATCH, want=False)

    async def all(self) -> tuple[list[Object], str]:
        """The marked Jobs, and the version from which on ``changes`` tells more."""
        return await self._api.listing(self._marked)

    async def changes(self, version: str) -> AsyncIterator[Object]:
        """Changes of the marked Jobs as {type, object}, BOOKMARK among the types; ends after a minute."""
        path = f"{self._marked}&allowWatchBookmarks=true&resourceVersion={quote(version)}"
        async for change in self._api.watch(path, WATCH):
            yield change

    async def pods(self, namespace: str, uid: str) -> list[Object]:
        """The Pods of the Job with this UID."""
        query = urlencode({"labelSelector": f"batch.kubernetes.io/controller-uid={uid}"})
        found, _ = await self._api.listing(f"/api/v1/namespaces/{quote(namespace)}/pods?{query}")
        return found

    async def log(self, namespace: str, pod: str, container: str, lines: int) -> str:
        """The last lines of a container's log; fewer where they are more than LOG_BYTES."""
        path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/log?"
        while True:
            query = {"container": container, "tailLines": lines, "limitBytes": LOG_BYTES}
            data = await self._api.text(path + urlencode(query))
            # the server counts the bytes from the first of these lines: a full measure may lack the end
            if len(data) < LOG_BYTES or lines <= 1:
                return data.decode("utf-8", "replace")
            lines = max(1, lines // 8)


def _path(namespace: str, name: str = "") -> str:
    return f"/apis/batch/v1/namespaces/{quote(namespace)}/jobs" + (f"/{quote(name)}" if name else "")
