"""Who is there: operators and routers by their last heartbeats, read without taking part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from redis.asyncio import Redis

from kronstream.streams.keys import Keys


@dataclass(frozen=True, slots=True)
class Presence:
    """Last heartbeats in milliseconds by name, of the last minute; `now` is the store's clock, and `whole` whether the
    store is filled, so that it is dispatched into it."""

    now: int
    operators: Mapping[str, int]
    routers: Mapping[str, int]
    whole: bool


async def presence(redis: Redis, keys: Keys) -> Presence:
    """As the store has it. Raises what redis-py raises."""
    pipe = redis.pipeline(transaction=False)
    pipe.time()
    pipe.hgetall(keys.replicas)
    pipe.zrange(keys.routers, 0, -1, withscores=True)
    pipe.exists(keys.epoch)
    (seconds, micros), operators, routers, epoch = await pipe.execute()
    return Presence(
        int(seconds) * 1000 + int(micros) // 1000,
        {str(name): int(at) for name, at in operators.items()},
        # the score is the store's clock, with what orders heartbeats of one millisecond behind the point
        {str(name): int(float(at)) for name, at in routers},
        bool(epoch),
    )
