"""Streams that others read and write, on Redis.

They may lie in other slots of a cluster than our keys: no script touches them together with those.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from kronstream.domain.stored import known
from kronstream.ports import Recall, Reply
from kronstream.streams.keys import Keys
from kronstream.streams.runqueue import clean

LEFT = 10_000  # milliseconds after which a reply that a reader took and did not work on goes to another
MAXIMUM = 1_000_000  # characters of a reply that are read
DEAD_LIMIT = 10_000
LETTER = 1_024


class RedisWires:
    """Wires on one Redis; ``blocking`` is a client of its own for reading, with a timeout longer than the block."""

    def __init__(self, redis: Redis, keys: Keys, group: str, *, blocking: Redis | None = None) -> None:
        self._redis = redis
        self._blocking = blocking or redis
        self._keys = keys
        self._group = group

    async def publish(self, stream: str, fields: Mapping[str, str], most: int) -> bool:
        """See Wires."""
        if int(await self._redis.xlen(stream)) >= most:
            return False
        await self._redis.xadd(stream, {name: clean(text) for name, text in fields.items()})
        return True

    async def replies(self, stream: str, consumer: str, count: int, block: int) -> list[Reply]:
        """See Wires."""
        try:
            _, left, *_ = await self._redis.xautoclaim(stream, self._group, consumer, LEFT, "0-0", count=count)
            if found := _replies(left):
                return found
            answer: Any = await self._blocking.xreadgroup(
                self._group, consumer, {stream: ">"}, count=count, block=block
            )
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            await self._make_group(stream)
            return []
        return _replies(answer[0][1]) if answer else []

    async def _make_group(self, stream: str) -> None:
        try:
            # what was replied before anybody read counts, too
            await self._redis.xgroup_create(stream, self._group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def answered(self, stream: str, entries: Sequence[str]) -> None:
        """See Wires."""
        if entries:
            pipe = self._redis.pipeline(transaction=True)
            pipe.xack(stream, self._group, *entries)
            pipe.xdel(stream, *entries)
            await pipe.execute()

    async def recalls(self, count: int) -> list[tuple[Recall, str]]:
        """See Wires."""
        texts = await self._redis.lrange(self._keys.recalls, 0, count - 1)
        found = [known(Recall, json.loads(text)) for text in texts]
        if not found:
            return []
        pipe = self._redis.pipeline(transaction=False)
        for one in found:
            pipe.hget(self._keys.work(one.uid), str(one.generation))
        return [(one, str(text or "")) for one, text in zip(found, await pipe.execute(), strict=True)]

    async def recalled(self, recalls: Sequence[Recall]) -> None:
        """See Wires."""
        gone = {one.token for one in recalls}
        for text in await self._redis.lrange(self._keys.recalls, 0, -1):
            if json.loads(text)["token"] in gone:
                await self._redis.lrem(self._keys.recalls, 1, str(text))

    async def bury(self, fields: Mapping[str, str], reason: str) -> None:
        """See Wires."""
        letter: dict[Any, Any] = {"reason": reason}
        letter |= {f"field.{name}"[:LETTER]: clean(text)[:LETTER] for name, text in list(fields.items())[:16]}
        await self._redis.xadd(self._keys.dead, letter, maxlen=DEAD_LIMIT, approximate=False)


def _replies(rows: Sequence[Any]) -> list[Reply]:
    return [Reply(str(entry), {str(k): str(v)[:MAXIMUM] for k, v in (fields or {}).items()}) for entry, fields in rows]
