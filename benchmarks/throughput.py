"""No-op runs a second of one worker process with full records, beside a bare loop that keeps a record, too."""

import asyncio
import json
import time

from redis.asyncio import Redis

from benchmarks.installation import control_plane, running, some_workers
from benchmarks.report import Report
from kronstream.dev.controlplane import ControlPlane
from kronstream.domain.work import Work
from kronstream.ports import Adopted, Adoption, Dispatch
from kronstream.streams.connection import connect
from kronstream.streams.keys import Keys
from kronstream.streams.ledger import RedisLedger
from kronstream.streams.records import Records

GROUP = "scheduler-workers"
RUNS, JOBS = 20_000, 20
REVISION = "0001.bench"


async def fill(redis: Redis) -> list[str]:
    """Dispatch RUNS due runs of JOBS jobs; their ids."""
    ledger = RedisLedger(redis, Keys(), GROUP)
    await redis.set(Keys().epoch, "bench")
    each = RUNS // JOBS
    start = time.time_ns() // 1_000_000 - RUNS * 2
    runs: list[str] = []
    for number in range(JOBS):
        uid = f"0b5c3c6e-5d0c-4a8e-9f0a-{number:012d}"
        work = Work(namespace="bench", name=f"job-{number}", function="echo")
        adoption = Adoption(
            uid=uid, namespace="bench", name=f"job-{number}", generation=1, revision=REVISION, when="{}",
            cursor=start, backlog=RUNS, keep_good=RUNS, work=work.dump(),
        )  # fmt: skip
        (answer,) = await ledger.adopt([adoption])
        assert isinstance(answer, Adopted)
        due = tuple(start + 1 + index for index in range(each))
        for first in range(0, each, 500):
            part = due[first : first + 500]
            item = Dispatch(uid, 1, REVISION, part[0] - 1, part[-1], part)
            await ledger.dispatch("bench", [item])
        runs += [f"{uid}-s{nominal}" for nominal in due]
    return runs


async def ours(plane: ControlPlane, redis: Redis) -> tuple[float, float]:
    """Runs a second from the first start to the last end, and Redis bytes a finished run."""
    await redis.flushall()
    empty = (await redis.info("memory"))["used_memory"]
    runs = await fill(redis)
    async with running(some_workers(plane, 1)):
        while await redis.zcard(Keys().unfinished):
            await asyncio.sleep(0.05)
    records = Records(redis, Keys())
    found = [await records.get(run) for run in runs]
    assert all(record is not None and record.state == "success" for record in found), "a record is missing"
    begin = min(record.started for record in found if record and record.started)
    end = max(record.finished for record in found if record and record.finished)
    used = (await redis.info("memory"))["used_memory"] - empty
    return RUNS / (end - begin) * 1000, used / RUNS


async def bare(redis: Redis, pipelined: int) -> float:
    """Runs a second of XREADGROUP by 100, then a record and an acknowledgement for each, ``pipelined`` at a time."""
    await redis.flushall()
    pipe = redis.pipeline(transaction=False)
    payload = json.dumps({"greeting": "hello"})
    for number in range(RUNS):
        pipe.xadd("bare", {"run": f"run-{number}", "payload": payload})
    await pipe.execute()
    await redis.xgroup_create("bare", GROUP, "0")
    begin = time.perf_counter()
    done = 0
    while done < RUNS:
        ((_, entries),) = await redis.xreadgroup(GROUP, "one", {"bare": ">"}, count=100)
        for first in range(0, len(entries), pipelined):
            pipe = redis.pipeline(transaction=False)
            for entry, fields in entries[first : first + pipelined]:
                result = json.loads(fields["payload"])
                pipe.hset(f"record:{fields['run']}", mapping={"status": "success", "result": json.dumps(result)})
                pipe.xack("bare", GROUP, entry)
                pipe.xdel("bare", entry)
            await pipe.execute()
        done += len(entries)
    return RUNS / (time.perf_counter() - begin)


async def measure(report: Report) -> None:
    async with control_plane() as (plane, _):
        redis = connect(plane.redis_url, timeout=60)
        one, hundred = await bare(redis, 1), await bare(redis, 100)
        rate, used = await ours(plane, redis)
        await redis.aclose()
    report.add(
        "one worker process, shipped defaults", rate, "runs/s", rate / one, "beside the bare loop, a pipeline a run"
    )
    report.add("bare redis-py loop, a pipeline a run", one, "runs/s", 1.0, "the limit without batches")
    report.add("bare redis-py loop, 100 runs a pipeline", hundred, "runs/s", hundred / one, "the limit with batches")
    report.add("Redis memory a finished run", used, "bytes", used / 1024, "limit: 1 KiB")


def main() -> None:
    report = Report("throughput", "No-op runs of one worker, all records readable, AOF everysec")
    asyncio.run(measure(report))
    report.show()
