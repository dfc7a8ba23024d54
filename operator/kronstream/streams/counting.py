"""What the store as a whole holds, on Redis."""

from redis.asyncio import Redis

from kronstream.ports import Counts
from kronstream.streams.keys import Keys


class RedisCounting:
    """Counting on one Redis."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def counts(self) -> Counts:
        """See Counting."""
        keys, pipe = self._keys, self._redis.pipeline(transaction=False)
        pipe.hgetall(keys.counts)
        for index in (keys.unfinished, keys.dirty):
            pipe.zcard(index)
        for stream in (keys.dead, keys.dead_events):
            pipe.xlen(stream)
        found, unfinished, untold, dead, dead_events = await pipe.execute()
        ended: dict[tuple[str, str], int] = {}
        skipped: dict[str, int] = {}
        for field, number in found.items():
            kind, first, *second = str(field).split("|", 2)
            if kind == "ended" and second:
                ended[first, second[0]] = int(number)
            elif kind == "skipped":
                skipped[first] = int(number)
        return Counts(ended, skipped, int(unfinished), int(untold), int(dead), int(dead_events))
