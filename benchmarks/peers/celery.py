"""celery: Redis as broker and result backend; what costs and is not needed (events, gossip, mingle) is off."""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.result import AsyncResult

from benchmarks.peers.program import KEPT, PAYLOAD, URL, become, main, names

app = Celery("bench", broker=URL, backend=URL)
app.conf.update(result_expires=KEPT, broker_connection_retry_on_startup=True, worker_prefetch_multiplier=64)


@app.task(name="nothing")
def nothing(payload: Any) -> Any:
    """Returns its payload."""
    return payload


async def fill(count: int) -> None:
    with app.producer_pool.acquire(block=True) as producer:
        for portion in names(count):
            for name in portion:
                nothing.apply_async((PAYLOAD,), task_id=name, producer=producer)


def work(setting: str) -> None:
    """`setting` is a pool and a number: `threads:16`."""
    pool, number = setting.split(":")
    flags = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
    become("celery", "-A", "benchmarks.peers.celery", "worker", "--pool", pool, "--concurrency", number, *flags)


async def check(count: int) -> int:
    found = 0
    for portion in names(count):
        for name in portion:
            told = AsyncResult(name, app=app)
            found += told.state == "SUCCESS" and told.result == PAYLOAD
    return found


if __name__ == "__main__":
    main(fill, work, check)
