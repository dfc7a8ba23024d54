"""What handler types need beside a claim: the cluster, and the store's side of work that goes on elsewhere."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from kronstream.cluster.api import ClusterApi
from kronstream.ports import Externals, Wires
from kronstream.settings import TypeSettings


class Cluster:
    """The Kubernetes API, connected to when it is first needed: most workers never do."""

    def __init__(self) -> None:
        self._api: ClusterApi | None = None
        self._connecting = asyncio.Lock()

    async def api(self) -> ClusterApi:
        """The client. Raises what ``ClusterApi.connect`` does where there is no cluster to be found."""
        async with self._connecting:
            if self._api is None:
                self._api = await ClusterApi.connect()
            return self._api

    async def close(self) -> None:
        """Give the connections back."""
        if self._api is not None:
            await self._api.close()


@dataclass(frozen=True, slots=True)
class Services:
    """For all handler types of a worker."""

    cluster: Cluster
    externals: Externals
    wires: Wires
    settings: TypeSettings
