"""dramatiq: threads, results in Redis."""

from __future__ import annotations

from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from benchmarks.peers.program import KEPT, PAYLOAD, URL, become, main, names

results = RedisBackend(url=URL)
broker = RedisBroker(url=URL)
broker.add_middleware(Results(backend=results, result_ttl=KEPT * 1000))
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def nothing(payload: Any) -> Any:
    """Returns its payload."""
    return payload


async def fill(count: int) -> None:
    for portion in names(count):
        for name in portion:
            broker.enqueue(nothing.message(PAYLOAD).copy(message_id=name))


def work(setting: str) -> None:
    become("dramatiq", "benchmarks.peers.dramatiq", "--processes", "1", "--threads", setting)


async def check(count: int) -> int:
    message = nothing.message(PAYLOAD)
    return sum(
        results.get_result(message.copy(message_id=name), block=False) == PAYLOAD
        for portion in names(count)
        for name in portion
    )


if __name__ == "__main__":
    main(fill, work, check)
