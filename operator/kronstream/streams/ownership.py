"""Whose the data in Redis is: the installation that used it first. Two would forget each other's jobs and pauses."""

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
    """The data belongs to another installation; the text says what to do."""


def foreign(owner: str, name: str, stream: str) -> Foreign | None:
    """The verdict of a part that does not know its cluster but its installation's name, '' where it has none."""
    _, named, other = owner.partition("/")
    if not name or not named or other == name:
        return None
    return Foreign(
        f"the data of stream {stream} belongs to installation {other}, and this is {name}: give this one a Redis or a "
        f"KRONSTREAM_STREAM_NAME of its own, or, if it is a part of that one, write KRONSTREAM_INSTALLATION={other}"
    )


class Ownership:
    """Claims the data for the installation of this process, and looks whether it still is this one's.

    An installation is known by its cluster and, where it has one, its ``name`` there: ``<cluster>/<name>``. Data of the
    same cluster without a name is taken over by the first that has one. ``take_over`` is an installation that is no
    more, whose data this one goes on with.
    """

    def __init__(self, redis: Redis, keys: Keys, identify: Identify, name: str = "", take_over: str = "") -> None:
        self._redis = redis
        self._scripts = Scripts(redis, keys, "")
        self._keys = keys
        self._identify = identify
        self._name = name
        self._take_over = take_over
        self._cluster: str | None = None
        self._owned = False
        self._gone = asyncio.Event()

    async def verify(self) -> None:
        """Raises Foreign where the data is another installation's, and Unsuitable while the cluster is not known.

        A store that lost everything is claimed anew; raises what redis-py raises.
        """
        mine = await self._this()
        if not mine:
            return
        heirless = {self._take_over, self._cluster or ""} - {"", mine}
        owner = await self._scripts.run("own", mine, *sorted(heirless))
        if owner == mine:
            self._owned = True
            return
        if self._owned:
            self._gone.set()
        raise self._foreign(owner, mine)

    async def look(self) -> None:
        """As ``verify``, for parts that serve what operators keep: data that is nobody's yet is left so."""
        mine = await self._this()
        owner = await self._redis.get(self._keys.installation) if mine else None
        if owner and owner not in (mine, self._cluster):
            raise self._foreign(str(owner), mine)

    async def lost(self) -> None:
        """Raises RuntimeError once another took over what this one had: what is in memory is of no use then."""
        await self._gone.wait()
        raise RuntimeError("another installation took over the data in Redis")

    def _foreign(self, owner: str, mine: str) -> Foreign:
        return Foreign(
            f"the data of stream {self._keys.base} belongs to installation {owner}, and this is {mine}: give this one "
            "a Redis or a KRONSTREAM_STREAM_NAME of its own, or, if that one is no more, write "
            f"KRONSTREAM_TAKE_OVER={owner} for the operator"
        )

    async def _this(self) -> str:
        """This installation, '' where its cluster may not be read."""
        if self._cluster is None:
            self._cluster = await self._known()
        return f"{self._cluster}/{self._name}" if self._cluster and self._name else self._cluster

    async def _known(self) -> str:
        try:
            cluster = await self._identify()
        except Exception as error:
            why = str(error) or type(error).__name__
            raise Unsuitable(f"it is not known yet which cluster this is: {why}") from error
        if not cluster:
            log.warning(
                "the namespace kube-system may not be read (get namespaces): another installation that uses the same "
                "data in Redis would not be noticed"
            )
        return cluster
