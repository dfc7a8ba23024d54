"""SAQ: its own loop, results in the job's key."""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop
from saq import Queue, Status, Worker

from benchmarks.peers.program import KEPT, PAYLOAD, URL, main, names


async def nothing(context: Any, *, payload: Any) -> Any:
    """Returns its payload."""
    del context
    return payload


def _queue() -> Queue:
    return Queue.from_url(URL, name="bench")


async def fill(count: int) -> None:
    queue = _queue()
    await queue.connect()
    for portion in names(count):
        await asyncio.gather(*(queue.enqueue("nothing", key=name, payload=PAYLOAD, ttl=KEPT) for name in portion))
    # takes the lock of its sweep: the one of a worker that starts aborts jobs that it is about to begin
    await queue.sweep(lock=KEPT)
    await queue.disconnect()


def work(setting: str) -> None:
    async def start() -> None:
        await Worker(_queue(), functions=[nothing], concurrency=int(setting)).start()

    uvloop.run(start())


async def check(count: int) -> int:
    queue = _queue()
    await queue.connect()
    found = 0
    for portion in names(count):
        jobs = await asyncio.gather(*(queue.job(name) for name in portion))
        found += sum(job is not None and job.status is Status.COMPLETE and job.result == PAYLOAD for job in jobs)
    await queue.disconnect()
    return found


if __name__ == "__main__":
    main(fill, work, check)
