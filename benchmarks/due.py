"""Many jobs due in the same second: how long until the last of them is in the stream."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from benchmarks.bare import create, job, lua_batches, patch_rate
from benchmarks.installation import control_plane, memory, running, two_operators
from benchmarks.mixture import mixture
from benchmarks.report import Report
from kronstream.dev.controlplane import ControlPlane
from kronstream.streams.connection import connect
from kronstream.streams.keys import DEFAULT_BASE, Keys

CRONJOB_DEFAULT, CRONJOB_RAISED = 8.4, 330.0
LIMIT = 0.3
COUNTS = (1_000, 10_000)
MIXED = 10_000


async def resting_memory(plane: ControlPlane) -> list[float]:
    async with running(two_operators(plane)) as replicas:
        return [memory(replica) for replica in replicas]


async def all_told(redis: Redis, count: int) -> float:
    """Seconds until all jobs are adopted and have their status."""
    begin = time.perf_counter()
    while await redis.zcard(Keys().jobs) < count or await redis.zcard(Keys().dirty):
        await asyncio.sleep(0.05)
    return time.perf_counter() - begin


async def measure(count: int, report: Report, *, mixed: bool) -> None:
    async with control_plane() as (plane, api):
        redis = connect(plane.redis_url)
        base = await resting_memory(plane)
        bare_rate, at_once = await patch_rate(api)
        # far enough ahead that all are created, adopted and have their status; cron knows whole minutes
        due = int(time.time()) + 20 + count // 100
        due += -due % 60 if mixed else 0
        created = await create(api, "default", mixture(count, due) if mixed else alike(count, due))
        async with running(two_operators(plane)) as replicas:
            told = await all_told(redis, count)
            slack = due - time.time()
            assert slack > 1, f"created and adopted {-slack:.1f} s too late for a measurement"
            used = [(memory(replica) - before) / count for replica, before in zip(replicas, base, strict=True)]
            first, last, length = await fired(redis, count, due)
        bare = await lua_batches(redis, count)
        await redis.aclose()
    assert length == count, f"{length} of {count} in the stream"
    what = f"{count} jobs of every kind" if mixed else f"{count} jobs with one runAt"
    report.add(f"{what}: all have a next run", count / told, "/s", count / told / bare_rate, "aim: 0.7")
    report.add(f"bare PATCHes of a status, {at_once} at a time", bare_rate, "/s", 1.0, "the limit")
    report.add(f"{count} created by a bare client", count / created, "/s")
    report.add(f"{what}, due at once: first entry", first - due, "s late")
    report.add(f"{what}, due at once: last entry", last - due, "s late", (last - due) / bare, f"to reach: {LIMIT} s")
    report.add(f"{count} bare XADDs in Lua batches of 500", bare, "s", 1.0, "the limit")
    if not mixed:
        report.add(f"{count} by CronJob, default limits", count / CRONJOB_DEFAULT, "s", None, "8.4/s, measured apart")
        report.add(f"{count} by CronJob, raised limits", count / CRONJOB_RAISED, "s", None, "330/s, measured apart")
    for name, value in zip(("operator-1", "operator-2"), used, strict=True):
        report.add(f"{name} memory a job ({what})", value / 1000, "kB", value / 15_000, "limit: 15 kB")


def alike(count: int, due: int) -> list[dict[str, Any]]:
    """One-time jobs of one instant."""
    at = datetime.fromtimestamp(due, UTC).isoformat().replace("+00:00", "Z")
    return [job(f"due-{number}", runAt=at) for number in range(count)]


async def fired(redis: Redis, count: int, due: int) -> tuple[float, float, int]:
    """Instants (seconds) of the first and the last entry, and how many there are."""
    while (length := await redis.xlen(DEFAULT_BASE)) < count and time.time() < due + 30:
        await asyncio.sleep(0.05)
    ((first, _),) = await redis.xrange(DEFAULT_BASE, count=1)
    ((last, _),) = await redis.xrevrange(DEFAULT_BASE, count=1)
    return int(first.split("-")[0]) / 1000, int(last.split("-")[0]) / 1000, length


def main() -> None:
    report = Report("due", "From apply to the stream: two operator replicas, AOF everysec")
    for count in COUNTS:
        asyncio.run(measure(count, report, mixed=False))
    asyncio.run(measure(MIXED, report, mixed=True))
    report.show()
