"""Queues on Redis."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from kronstream.domain.run import Lane
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
        return {str(queue): QueuePause(**json.loads(text)) for queue, text in sorted(found.items())}

    async def backlogs(self, queues: Sequence[str]) -> list[Backlog]:
        """See Queues."""
        lanes = [(queue, lane, self._keys.lane(queue, lane.value)) for queue in queues for lane in Lane]
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        for _, _, stream in lanes:
            pipe.xlen(stream)
            pipe.xinfo_groups(stream)
        (seconds, micros), *told = await pipe.execute(raise_on_error=False)
        now = int(seconds) * 1000 + int(micros) // 1000
        found = []
        for place, entries, groups in zip(lanes, told[::2], told[1::2], strict=True):
            if isinstance(entries, ResponseError) or isinstance(groups, ResponseError):
                continue  # there is no such stream
            own = next((one for one in groups if one["name"] == self._group), None)
            found.append((*place, int(entries), int(own["pending"]) if own else 0, own and own["last-delivered-id"]))
        for _, _, stream, _, _, last in found:
            pipe.xrange(stream, f"({last}" if last else "-", "+", count=1)
        oldest = await pipe.execute() if found else []
        return [
            Backlog(queue, lane, entries, taken, _age(first, now))
            for (queue, lane, _, entries, taken, _), first in zip(found, oldest, strict=True)
        ]


def _age(entries: Sequence[Any], now: int) -> int | None:
    return max(0, now - int(str(entries[0][0]).partition("-")[0])) if entries else None
