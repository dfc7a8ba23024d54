"""The limits: what the same machine does without a scheduler."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.asyncio import Redis

from kronstream.cluster.api import ClusterApi
from kronstream.cluster.scheduledjobs import ScheduledJobs
from kronstream.controller.job import Job
from kronstream.controller.view import status_of
from kronstream.domain.schedule import Every
from kronstream.ports import JobState

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


def first_status(seq: int) -> dict[str, Any]:
    """The status that a new job gets: a smaller body would be another limit."""
    created = 1_900_000_000_000
    fresh = Job("uid", "bare", "bare", 1, created, "", Every(86_400_000, created), function="echo", adopted=True)
    state = JobState(
        uid="uid", namespace="bare", name="bare", generation=1, revision="", cursor=created, seq=seq, suspended=False,
        invalid=False, active=0, unfinished=(), runs={}, skipped={}, last=None, last_schedule=None, last_success=None,
        last_failure=None, consecutive_failures=0, average_duration=None, last_skip=None, once=None, done=None,
    )  # fmt: skip
    return status_of(fresh, state, False, created)


async def patch_rate(api: ClusterApi, count: int = 2000) -> tuple[float, int]:
    """Statuses a second that a bare client PATCHes at the best of some concurrencies, and that concurrency."""
    jobs = ScheduledJobs(api)
    await api.send("POST", "/api/v1/namespaces", {"metadata": {"name": "bare"}}, want=False)
    await create(api, "bare", [job(f"bare-{number}", every="1d") for number in range(count)])
    targets = [meta for meta in await jobs.list_metadata() if meta["namespace"] == "bare"]
    best = (0.0, 0)
    for at_once in (8, 16, 32, 64):
        status = first_status(at_once)

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
