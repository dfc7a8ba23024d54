"""arq: a polling loop; it asks again at once, not after half a second."""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop
from arq import create_pool
from arq.connections import RedisSettings
from arq.jobs import Job
from arq.worker import Worker

from benchmarks.peers.program import KEPT, PAYLOAD, URL, main, names


async def nothing(context: Any, payload: Any) -> Any:
    """Returns its payload."""
    del context
    return payload


async def fill(count: int) -> None:
    pool = await create_pool(RedisSettings.from_dsn(URL))
    for portion in names(count):
        await asyncio.gather(*(pool.enqueue_job("nothing", PAYLOAD, _job_id=name) for name in portion))
    await pool.aclose()


def work(setting: str) -> None:
    uvloop.install()
    worker = Worker(
        [nothing], redis_settings=RedisSettings.from_dsn(URL), max_jobs=int(setting), keep_result=KEPT, poll_delay=0.01
    )
    worker.run()


async def check(count: int) -> int:
    pool = await create_pool(RedisSettings.from_dsn(URL))
    found = 0
    for portion in names(count):
        infos = await asyncio.gather(*(Job(name, pool).result_info() for name in portion))
        found += sum(info is not None and info.success and info.result == PAYLOAD for info in infos)
    await pool.aclose()
    return found


if __name__ == "__main__":
    main(fill, work, check)
