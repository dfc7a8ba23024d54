"""Kubernetes Events."""

from typing import Any

from kronstream.cluster.api import ClusterApi


class Events:
    """Posts Events."""

    def __init__(self, api: ClusterApi) -> None:
        self._api = api

    async def post(self, namespace: str, event: dict[str, Any]) -> None:
        """Create one Event; raises what ClusterApi raises."""
        await self._api.send("POST", f"/api/v1/namespaces/{namespace}/events", event, want=False)
