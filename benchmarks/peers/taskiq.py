"""taskiq: Redis Streams as its broker, results in Redis."""

from __future__ import annotations

import asyncio
from typing import Any

from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from benchmarks.peers.program import KEPT, PAYLOAD, URL, become, main, names

broker = RedisStreamBroker(url=URL).with_result_backend(
    RedisAsyncResultBackend(redis_url=URL, result_ex_time=KEPT, keep_results=True)
)


@broker.task(task_name="nothing")
async def nothing(payload: Any) -> Any:
    """Returns its payload."""
    return payload


async def fill(count: int) -> None:
    await broker.startup()
    for portion in names(count):
        await asyncio.gather(*(nothing.kicker().with_task_id(name).kiq(PAYLOAD) for name in portion))
    await broker.shutdown()


def work(setting: str) -> None:
    place = "benchmarks.peers.taskiq:broker"
    become("taskiq", "worker", place, "--workers", "1", "--max-async-tasks", setting, "--log-level", "WARNING")


async def check(count: int) -> int:
    await broker.startup()
    found = 0
    for portion in names(count):
        results = await asyncio.gather(*(broker.result_backend.get_result(name) for name in portion))
        found += sum(not result.is_err and result.return_value == PAYLOAD for result in results)
    await broker.shutdown()
    return found


if __name__ == "__main__":
    main(fill, work, check)
