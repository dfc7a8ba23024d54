"""Many jobs due in the same second: how long until the last of them is in the stream."""

import asyncio
import time
from datetime import UTC, datetime

from benchmarks.bare import create, job, lua_batches
from benchmarks.installation import control_plane, memory, running, two_operators
from benchmarks.report import Report
from kronstream.streams.connection import connect
from kronstream.streams.keys import DEFAULT_BASE

CRONJOB_DEFAULT, CRONJOB_RAISED = 8.4, 330.0
LIMIT = 0.5


async def measure(count: int, report: Report) -> None:
    async with control_plane() as (plane, api), running(two_operators(plane)) as replicas:
        redis = connect(plane.redis_url)
        base = [memory(replica) for replica in replicas]
        # far enough ahead that all are created, adopted and have their status
        due = int(time.time()) + max(20, count // 250)
        at = datetime.fromtimestamp(due, UTC).isoformat().replace("+00:00", "Z")
        created = await create(api, "default", [job(f"due-{number}", runAt=at) for number in range(count)])

        async def adopted() -> int:
            return int(await redis.zcard("{" + DEFAULT_BASE + "}:jobs"))

        while await adopted() < count or await redis.zcard("{" + DEFAULT_BASE + "}:dirty"):
            await asyncio.sleep(0.1)
        slack = due - time.time()
        assert slack > 1, f"created and adopted {-slack:.1f} s too late for a measurement"
        used = [(memory(replica) - before) / count for replica, before in zip(replicas, base, strict=True)]
        length = 0
        while (length := await redis.xlen(DEFAULT_BASE)) < count and time.time() < due + 30:
            await asyncio.sleep(0.05)
        ((last, _),) = await redis.xrevrange(DEFAULT_BASE, count=1)
        ((first, _),) = await redis.xrange(DEFAULT_BASE, count=1)
        late = int(last.split("-")[0]) / 1000 - due
        bare = await lua_batches(redis, count)
        await redis.aclose()
        assert length == count, f"{length} of {count} in the stream"
        report.add(f"{count} due at once: first entry", int(first.split("-")[0]) / 1000 - due, "s late")
        report.add(f"{count} due at once: last entry", late, "s late", late / bare, f"limit of this step: {LIMIT} s")
        report.add(f"{count} bare XADDs in Lua batches of 500", bare, "s", 1.0, "the limit")
        report.add(f"{count} by CronJob, default limits", count / CRONJOB_DEFAULT, "s", None, "8.4/s, measured apart")
        report.add(f"{count} by CronJob, raised limits", count / CRONJOB_RAISED, "s", None, "330/s, measured apart")
        report.add(f"{count} created by a bare client", count / created, "/s")
        for name, value in zip(("operator-1", "operator-2"), used, strict=True):
            report.add(f"{name} memory a job ({count} jobs)", value / 1000, "kB", value / 15_000, "limit: 15 kB")


def main() -> None:
    report = Report("due", "Jobs due in the same second, two operator replicas, AOF everysec")
    for count in (1_000, 10_000):
        asyncio.run(measure(count, report))
    report.show()


