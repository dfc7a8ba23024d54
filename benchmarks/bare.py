"""The limits: what the same machine does without a scheduler."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.asyncio import Redis

from kronstream.cluster.api import ClusterApi
from kronstream.cluster.scheduledjobs import ScheduledJobs

JOBS = "/apis/kronstream.dev/v1/namespaces/{}/scheduledjobs"
LUA = """
for i = 1, #ARGV, 2 do redis.call('XADD', KEYS[1], '*', 'run', ARGV[i], 'nominal', ARGV[i + 1]) end
return #ARGV / 2
"""


async def each(items: Sequence[Any], at_once: int, action: Callable[[Any], Awaitable[None]]) -> float:
    """Act on every item, ``at_once`` in flight; seconds it took."""
    waiting = iter(items)

    async def lane() -> None:
        for item in waiting:
            await action(item)

    begin = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(at_once)))
    return time.perf_counter() - begin


def job(name: str, **spec: Any) -> dict[str, Any]:
    """A ScheduledJob of the built-in ``echo`` function."""
    return {
        "apiVersion": "kronstream.dev/v1",
        "kind": "ScheduledJob",
        "metadata": {"name": name},
        "spec": {"handler": {"function": {"name": "echo"}}, **spec},
    }


async def create(api: ClusterApi, namespace: str, jobs: Sequence[dict[str, Any]], at_once: int = 32) -> float:
    """Create jobs; seconds it took."""
    path = JOBS.format(namespace)

    async def post(body: dict[str, Any]) -> None:
        await api.send("POST", path, body, want=False)

    return await each(jobs, at_once, post)


async def patch_rate(api: ClusterApi, count: int = 2000) -> tuple[float, int]:
    """Statuses a second that a bare client PATCHes at the best of some concurrencies, and that concurrency."""
    jobs = ScheduledJobs(api)
    await api.send("POST", "/api/v1/namespaces", {"metadata": {"name": "bare"}}, want=False)
    await create(api, "bare", [job(f"bare-{number}", every="1d") for number in range(count)])
    targets = [meta for meta in await jobs.list_metadata() if meta["namespace"] == "bare"]
    best = (0.0, 0)
    for at_once in (8, 16, 32, 64):
        status = {"observedGeneration": 1, "seq": at_once, "nextRunTime": "2030-01-01T00:00:00Z", "conditions": []}

        async def write(meta: dict[str, Any], status: dict[str, Any] = status) -> None:
            await jobs.write_status("bare", meta["name"], meta["uid"], status)

        rate = len(targets) / await each(targets, at_once, write)
        best = max(best, (rate, at_once))
    await api.send("DELETE", JOBS.format("bare"), want=False)
    return best


async def lua_batches(redis: Redis, count: int, batch: int = 500) -> float:
    """Seconds from the first call to the last entry's instant, of ``count`` XADDs in Lua calls of ``batch``."""
    script = redis.register_script(LUA)
    await script(keys=["bench:bare"], args=["warm", "0"])
    begin = (await redis.time())[0] + (await redis.time())[1] / 1e6
    for start in range(0, count, batch):
        args = [part for number in range(start, min(start + batch, count)) for part in (f"run-{number}", "0")]
        await script(keys=["bench:bare"], args=args)
    ((last, _),) = await redis.xrevrange("bench:bare", count=1)
    await redis.delete("bench:bare")
    return int(last.split("-")[0]) / 1000 - begin
