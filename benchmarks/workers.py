"""kronstream's worker alone: a kill in the middle, several processes, sync functions, beside the bare loop."""

from __future__ import annotations

import asyncio
import math
import time

import uvloop

from benchmarks import loops, ours
from benchmarks.against import COUNT, OUR_WORDS, costs, swept
from benchmarks.fill import books, fill, unfinished
from benchmarks.race import race
from benchmarks.redisserver import Server, server
from benchmarks.report import Report, judged

SINGLE = 600  # runs, one after the other
SYNC_LIMIT = 1.0  # ms
PROCESSES = (1, 2, 4)
AGAIN = 120.0  # seconds until every run of a killed worker must have ended


async def one(server: Server, report: Report) -> ours.Setting:
    """A worker with each setting, and the bare loop; the best setting."""
    bare = await loops.redis_py(server, COUNT, 1)
    laps = {each: await ours.lap(server, COUNT, each) for each in ours.SETTINGS}
    best = max(laps, key=lambda each: laps[each].cost.rate)
    words = swept(OUR_WORDS, {str(each): lap.cost.rate for each, lap in laps.items()})
    for setting, what in ((best, f"one worker process, {best}"), (ours.SHIPPED, "one worker process, as shipped")):
        lap = laps[setting]
        report.add(what, lap.cost.rate, "runs/s", lap.cost.rate / bare.rate, words)
        costs(report, [lap.cost], lap.cost.rate)
        memory = lap.memory
        report.add("  Redis memory a finished run", memory, "bytes", memory / 1000, judged(memory, below=1000))
    report.add("bare redis-py loop, a pipeline a run", bare.rate, "runs/s", 1.0, "the limit")
    costs(report, [bare], bare.rate)
    lap = await ours.lap(server, COUNT, best, jobs=COUNT)
    report.add(f"{COUNT:,} jobs with one run each", lap.cost.rate, "runs/s", lap.cost.rate / bare.rate, str(best))
    costs(report, [lap.cost], lap.cost.rate)
    return best


async def scaled(server: Server, report: Report, setting: ours.Setting) -> None:
    """Several worker processes on one queue; the clock runs once all are up."""
    first = 0.0
    for number in PROCESSES:
        lap = await ours.lap(server, 2 * COUNT, setting, workers=number)
        first = first or lap.cost.rate
        words = f"processors: Redis {lap.cost.redis_share:.2f}, workers {lap.cost.process_share:.2f} together"
        report.add(f"{number} worker processes", lap.cost.rate, "runs/s", lap.cost.rate / first, words)


async def killed(server: Server, report: Report, setting: ours.Setting) -> None:
    """SIGKILL to a worker with all its processes when half is done, then another one: every run ends once."""
    await server.fresh()
    runs = await fill(server.redis, COUNT)
    victim, heir = (ours.worker(server, name, setting) for name in ("victim", "heir"))

    async def finished() -> int:
        return COUNT - await unfinished(server.redis)

    with ours.stopped_at_the_end([victim, heir]):
        await race(server, [victim], finished, COUNT // 2)
        victim.stop(9)
        done = await finished()
        begin = time.monotonic()
        heir.start()
        while await unfinished(server.redis):
            assert time.monotonic() - begin < AGAIN, f"{await unfinished(server.redis)} runs have no end"
            await asyncio.sleep(0.05)
        took = time.monotonic() - begin
    told = await books(server.redis, runs)
    wrong = told.faults(COUNT)
    assert not wrong, f"after a kill the books are wrong: {'; '.join(wrong)}"
    report.add("killed at half: runs lost", told.missing, "runs", None, f"of {COUNT}: {dict(told.states)}")
    report.add("killed at half: ends too many", told.counted - COUNT, "runs", None, "by records, counters, histories")
    report.add("killed at half: tried again", told.again, "runs", None, "were with the killed worker")
    report.add("killed at half: until all ended", took, "s", None, f"{COUNT - done} runs; a lease is 10 s")


async def blocking(server: Server, report: Report) -> None:
    """What a plain `def` costs more than an `async def`: one slot, then ten; the better of two measurements each."""
    for slots, count in ((1, SINGLE), (10, SINGLE * 5)):
        ways: dict[str, float] = {}
        for function in ("bench:async", "bench:sync") * 2:
            cost = (await ours.lap(server, count, ours.Setting(slots), function=function)).cost
            ways[function] = min(1000 / cost.rate, ways.get(function, math.inf))
        for function, each in ways.items():
            what = f"{function.removeprefix('bench:')} function, {slots} at a time"
            report.add(what, each, "ms a run", None, f"{1000 / each:,.0f} runs/s")
        more = ways["bench:sync"] - ways["bench:async"]
        report.add(f"  a sync function's cost, {slots} at a time", more, "ms", more / SYNC_LIMIT,
                   judged(more, below=SYNC_LIMIT))  # fmt: skip


async def measure(report: Report) -> None:
    async with server() as redis:
        best = await one(redis, report)
        await scaled(redis, report, best)
        await killed(redis, report, best)
        await blocking(redis, report)


def main() -> None:
    report = Report("workers", f"{COUNT:,} no-op runs, all records read back, AOF everysec")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(report))
    report.show()
