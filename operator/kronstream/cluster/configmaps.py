"""One ConfigMap on the API server, and what becomes of it."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from kronstream.cluster.api import ClusterApi

WATCH = 60  # seconds; then it is read anew, so that a connection that died without a word costs no more than that

Object = dict[str, Any]


class ConfigMap:
    """A ConfigMap that need not be there. The right to get, list and watch this very name is enough."""

    def __init__(self, api: ClusterApi, namespace: str, name: str) -> None:
        self._api = api
        self.namespace = namespace
        self.name = name
        self._path = f"/api/v1/namespaces/{namespace}/configmaps?" + urlencode(
            {"fieldSelector": f"metadata.name={name}"}
        )

    async def read(self) -> tuple[Object | None, str]:
        """The object, None when there is none, and the version from which on ``changes`` tells more.

        Raises what ClusterApi raises.
        """
        # a list, not a get: only a list tells from which version on to watch where there is nothing
        found = await self._api.send("GET", self._path)
        items = found.get("items") or [None]
        return items[0], str(found["metadata"]["resourceVersion"])

    async def changes(self, version: str) -> AsyncIterator[Object | None]:
        """The object after each change, None when it was deleted; ends after a minute.

        Raises what ClusterApi raises.
        """
        async for change in self._api.watch(f"{self._path}&resourceVersion={version}", WATCH):
            yield None if change["type"] == "DELETED" else change["object"]
