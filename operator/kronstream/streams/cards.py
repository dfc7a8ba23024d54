"""Cards of live workers, as their heartbeats left them."""

import json
from dataclasses import replace

from redis.asyncio import Redis

from kronstream.ports import WorkerCard
from kronstream.streams.keys import Keys


async def live_workers(redis: Redis, keys: Keys) -> list[WorkerCard]:
    """Cards whose lease has not ended, by consumer name."""
    consumers = await redis.zrange(keys.workers, 0, -1)
    if not consumers:
        return []
    pipe = redis.pipeline(transaction=False)
    for consumer in consumers:
        pipe.hmget(keys.worker(str(consumer)), "card", "beat")
    cards = []
    for text, beat in await pipe.execute():
        if text is not None:
            raw = json.loads(text)
            known = {name: raw[name] for name in WorkerCard.__dataclass_fields__ if name in raw}
            card = WorkerCard(**{"queues": {}, **known, "functions": tuple(raw.get("functions", ()))})
            cards.append(replace(card, last_beat=int(beat)))
    return sorted(cards, key=lambda card: card.consumer)
