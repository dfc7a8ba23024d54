"""Whose the data in Redis is: the cluster that used it first. Two clusters would forget each other's jobs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

from kronstream.streams.connection import Unsuitable
from kronstream.streams.keys import Keys
from kronstream.streams.scripts import Scripts

log = logging.getLogger(__name__)

Identify = Callable[[], Awaitable[str]]
"""Answers the identity of the cluster, '' where it may not be read; raises Exception while the cluster is away."""


class Foreign(Unsuitable):
    """The data belongs to another cluster; the text says what to do."""


class Ownership:
    """Claims the data for the cluster of this process, and looks whether it still is this cluster's.

    ``take_over`` is the identity of a cluster that is no more, whose data this one goes on with.
    """

    def __init__(self, redis: Redis, keys: Keys, identify: Identify, take_over: str = "") -> None:
        self._redis = redis
        self._scripts = Scripts(redis, keys, "")
        self._keys = keys
        self._identify = identify
        self._take_over = take_over
        self._cluster: str | None = None
        self._owned = False
        self._gone = asyncio.Event()

    async def verify(self) -> None:
        """Raises Foreign where the data is another cluster's, and Unsuitable while it is not known which this one is.

        A store that lost everything is claimed anew; raises what redis-py raises.
        """
        cluster = await self._this()
        if not cluster:
            return
        owner = await self._scripts.run("own", cluster, self._take_over)
        if owner == cluster:
            self._owned = True
            return
        if self._owned:
            self._gone.set()
        raise self._foreign(owner, cluster)

    async def look(self) -> None:
        """As ``verify``, for parts that serve what operators keep: data that is nobody's yet is left so."""
        cluster = await self._this()
        owner = await self._redis.get(self._keys.installation) if cluster else None
        if owner and owner != cluster:
            raise self._foreign(str(owner), cluster)

    async def lost(self) -> None:
        """Raises RuntimeError once another cluster took over what this one had: what is in memory is of no use then."""
        await self._gone.wait()
        raise RuntimeError("another cluster took over the data in Redis")

    def _foreign(self, owner: str, cluster: str) -> Foreign:
        return Foreign(
            f"the data of stream {self._keys.base} belongs to cluster {owner}, and this is {cluster}: give this "
            "installation a Redis or a KRONSTREAM_STREAM_NAME of its own, or, if that cluster is no more, write "
            f"KRONSTREAM_TAKE_OVER={owner} for the operator"
        )

    async def _this(self) -> str:
        if self._cluster is None:
            self._cluster = await self._known()
        return self._cluster

    async def _known(self) -> str:
        try:
            cluster = await self._identify()
        except Exception as error:
            why = str(error) or type(error).__name__
            raise Unsuitable(f"it is not known yet which cluster this is: {why}") from error
        if not cluster:
            log.warning(
                "the namespace kube-system may not be read (get namespaces): another cluster that uses the same data "
                "in Redis would not be noticed"
            )
        return cluster
