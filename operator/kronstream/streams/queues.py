"""Queues on Redis."""

import json
from collections.abc import Mapping, Sequence

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from kronstream.domain.run import Lane
from kronstream.domain.stored import known
from kronstream.ports import Backlog, QueuePause
from kronstream.streams.keys import Keys
from kronstream.streams.runqueue import clean
from kronstream.streams.scripts import Scripts


class RedisQueues:
    """Queues on one Redis."""

    def __init__(self, redis: Redis, keys: Keys, group: str) -> None:
        self._redis = redis
        self._keys = keys
        self._group = group
        self._scripts = Scripts(redis, keys, group)

    async def pause(self, queue: str, by: str, reason: str) -> bool:
        """See Queues."""
        return bool(await self._scripts.run("hold", queue, "pause", clean(by), clean(reason)))

    async def resume(self, queue: str) -> bool:
        """See Queues."""
        return bool(await self._scripts.run("hold", queue, "resume", "", ""))

    async def paused(self) -> Mapping[str, QueuePause]:
        """See Queues."""
        found = await self._redis.hgetall(self._keys.queue_pauses)
        return {str(queue): known(QueuePause, json.loads(text)) for queue, text in sorted(found.items())}

    async def backlogs(self, queues: Sequence[str]) -> list[Backlog]:
        """See Queues."""
        seconds, micros = await self._redis.time()
        now = int(seconds) * 1000 + int(micros) // 1000
        found = [await self._backlog(queue, lane, now) for queue in queues for lane in Lane]
        return [backlog for backlog in found if backlog is not None]

    async def _backlog(self, queue: str, lane: Lane, now: int) -> Backlog | None:
        stream = self._keys.lane(queue, lane.value)
        entries = int(await self._redis.xlen(stream))
        try:
            groups = await self._redis.xinfo_groups(stream)
        except ResponseError:
            return None  # there is no such stream
        own = next((one for one in groups if one["name"] == self._group), None)
        taken = int(own["pending"]) if own else 0
        after = f"({own['last-delivered-id']}" if own else "-"
        oldest = await self._redis.xrange(stream, after, "+", count=1)
        age = max(0, now - int(str(oldest[0][0]).partition("-")[0])) if oldest else None
        return Backlog(queue, lane, entries, taken, age)
