"""The store a worker talks to: the run queue, whether the server is fit for it, and its connections."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Protocol

from kronstream.ports import Externals, RunQueue, Wires
from kronstream.readers import MOST_QUEUES
from kronstream.settings import RedisSettings
from kronstream.streams.clocks import Clocks
from kronstream.streams.connection import SOCKET_TIMEOUT, Unsuitable, connect, verify
from kronstream.streams.externals import RedisExternals
from kronstream.streams.keys import Keys
from kronstream.streams.ownership import foreign
from kronstream.streams.runqueue import RedisRunQueue
from kronstream.streams.suitability import Caveat
from kronstream.streams.wires import RedisWires


class Store(Protocol):
    """An open store."""

    queue: RunQueue
    externals: Externals
    wires: Wires

    @property
    def caveat(self) -> str:
        """What is to be known of a store that is fit, as far as it was looked at; empty when there is nothing."""
        ...

    async def fault(self) -> str:
        """What to change before the store may be used; empty when it is fit. Raises what the store raises."""
        ...

    async def close(self) -> None:
        """Give the connections back."""
        ...


Opener = Callable[[RedisSettings, int], Store]
"""Opens a store; the number is the longest `wait`, in milliseconds."""

REDIS = "kronstream.worker.store:RedisStore"


def opener(place: str) -> Opener:
    """The opener at `module:function`; both processes of a worker are told the same."""
    module, _, name = place.partition(":")
    found: Opener = getattr(importlib.import_module(module), name)
    return found


class RedisStore:
    """The store on Redis; connections are made when they are first used."""

    def __init__(self, settings: RedisSettings, block_ms: int) -> None:
        self._redis = connect(settings.url)
        # a connection for every queue's wait: they are made when they are needed
        self._blocking = connect(settings.url, connections=MOST_QUEUES, timeout=block_ms / 1000 + SOCKET_TIMEOUT)
        self._installation = settings.installation
        self._keys = keys = Keys(settings.base_stream)
        self.queue: RunQueue = RedisRunQueue(self._redis, keys, settings.group, blocking=self._blocking)
        self._reading = connect(settings.url, connections=2, timeout=block_ms / 1000 + SOCKET_TIMEOUT)
        self.wires: Wires = RedisWires(self._redis, keys, settings.group, blocking=self._reading)
        self.externals: Externals = RedisExternals(self._redis, keys, settings.group)
        self._caveat, self._clocks = Caveat(), Clocks("runs are due by that of Redis")

    @property
    def caveat(self) -> str:
        """See Store."""
        return "; ".join(one for one in (self._caveat.text, self._clocks.fault) if one)

    async def fault(self) -> str:
        """See Store."""
        try:
            self._caveat.note(await verify(self._redis))
            await self._clocks.look(self._redis)
        except Unsuitable as verdict:
            return str(verdict)
        owner = str(await self._redis.get(self._keys.installation) or "")
        return str(foreign(owner, self._installation, self._keys.base) or "")

    async def close(self) -> None:
        """See Store."""
        for client in (self._redis, self._blocking, self._reading):
            await client.aclose(close_connection_pool=True)
