"""Clocks that jump, processes that stand still, long outages: what runs, what is skipped; and nothing runs twice."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from kronstream.controller.job import Job
from kronstream.domain.run import Skip
from unit.fakecluster import NOW, UID, manifest
from unit.watchmaker import Watchmaker

pytestmark = pytest.mark.anyio

SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
# NOW is 11:06:40 UTC: the instants of every ten minutes are 11:10, 11:20 …
TEN = {"schedule": "*/10 * * * *", "maxBacklog": 10_000}
AT_1110 = NOW + 200 * SECOND


async def at(clock: Watchmaker, instant: int, job: Job) -> None:
    """The operator's first look after the clock says so: as often as it wants attention by then."""
    clock.stage.time.now = instant
    await clock.ticker.fire(instant)
    while job.wake is not None and job.wake <= instant:
        await clock.ticker.fire(instant)


async def through(clock: Watchmaker, until: int, job: Job) -> None:
    """The clock goes on by itself, and the operator looks whenever the job wants it."""
    while job.wake is not None and job.wake <= until:
        clock.stage.time.now = max(job.wake, clock.stage.time.now)
        await clock.ticker.fire(clock.stage.time.now)
    clock.stage.time.now = until


def skipped(clock: Watchmaker) -> dict[str, int]:
    return {reason: number for reason, number in clock.stage.store.jobs[UID].skipped.items() if number}


def clocks(*instants: int) -> list[str]:
    """Instants as minutes after 11:00, for reading."""
    return [
        f"{11 + (instant - NOW + 400_000) // HOUR}:{(instant - NOW + 400_000) // MINUTE % 60:02d}"
        for instant in instants
    ]


LATE = [
    # catchUp and deadline; an outage of two hours from 11:06:40 to 13:06:40: what runs, what is skipped
    ({"policy": "None"}, None, [], {"Missed": 12}),
    ({"policy": "Latest", "window": "1h"}, None, ["13:00"], {"Missed": 11}),
    ({"policy": "Latest", "window": "5m"}, None, [], {"Missed": 12}),
    ({"policy": "All", "window": "1h"}, None, ["12:10", "12:20", "12:30", "12:40", "12:50", "13:00"], {"Missed": 6}),
    ({"policy": "All", "window": "3h", "maxRuns": 2}, None, ["12:50", "13:00"], {"Missed": 10}),
    ({"policy": "All", "window": "1h"}, "30m", ["12:40", "12:50", "13:00"], {"Missed": 6, "Deadline": 3}),
]
WAYS = ["outage", "frozen", "clock"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("catch_up", "deadline", "runs", "skips"), LATE)
async def test_two_hours_are_replayed_as_the_policy_says(
    way: str, catch_up: dict[str, Any], deadline: str | None, runs: list[str], skips: dict[str, int]
) -> None:
    """Whether nobody was there, the process stood still, or the clock jumped: the same instants passed unseen."""
    spec = {**TEN, "catchUp": catch_up, **({"startingDeadline": deadline} if deadline else {})}
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest(**spec))
    if way == "outage":
        # another process takes the job up, from the cursor that the store has
        clock = clock.successor(NOW + 2 * HOUR)
        (job,) = await clock.adopt(manifest(**spec))
    await at(clock, NOW + 2 * HOUR, job)
    assert clocks(*clock.runs()) == runs
    assert skipped(clock) == skips
    # once: looking again changes nothing, and the schedule goes on
    await at(clock, NOW + 2 * HOUR + SECOND, job)
    assert skipped(clock) == skips
    await through(clock, NOW + 2 * HOUR + 10 * MINUTE, job)
    assert clocks(*clock.runs()) == [*runs, "13:10"]


async def test_what_was_skipped_is_told_with_its_range() -> None:
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest(**TEN, catchUp={"policy": "Latest"}))
    await at(clock, NOW + 2 * HOUR, job)
    told = clock.stage.store.jobs[UID].last_skip
    assert told is not None
    assert (told.reason, clocks(told.first, told.last)) == (Skip.MISSED, ["11:10", "12:50"])
    assert (told.count, skipped(clock)) == (11, {"Missed": 11})


async def test_a_process_thawed_after_ten_minutes_dispatches_what_is_due_now_and_nothing_stale() -> None:
    """Another replica fired meanwhile: the thawed one still believes in the cursor of ten minutes ago."""
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest(schedule="* * * * *", maxBacklog=1000))
    other = clock.successor(NOW)
    (theirs,) = await other.adopt(manifest(schedule="* * * * *", maxBacklog=1000))
    await through(other, NOW + 10 * MINUTE, theirs)
    fired = other.runs()
    assert len(fired) == 10
    await at(clock, NOW + 10 * MINUTE, job)
    assert clock.runs() == fired
    assert skipped(clock) == {}
    assert job.cursor == theirs.cursor


async def test_alone_and_thawed_after_ten_minutes_the_last_minute_is_late_and_the_rest_is_caught_up() -> None:
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest(every="20s", maxBacklog=1000, catchUp={"policy": "All", "window": "5m"}))
    await at(clock, NOW + 10 * MINUTE, job)
    runs = clock.runs()
    assert len(runs) == 15
    assert {after - before for before, after in pairwise(runs)} == {20 * SECOND}
    assert skipped(clock)["Missed"] + len(runs) == 30


@pytest.mark.parametrize("policy", ["None", "Latest", "All"])
async def test_a_clock_an_hour_ahead_that_comes_back_runs_no_nominal_time_twice(policy: str) -> None:
    clock = Watchmaker()
    spec = {**TEN, "catchUp": {"policy": policy, "window": "2h"}, "history": {"successful": 0, "failed": 0}}
    (job,) = await clock.adopt(manifest(**spec))
    await through(clock, NOW + 30 * MINUTE, job)
    assert clocks(*clock.runs()) == ["11:10", "11:20", "11:30"]
    started: Counter[int] = Counter(await clock.started())
    await clock.sweep()
    await at(clock, NOW + 30 * MINUTE + HOUR, job)
    await clock.sweep()
    await through(clock, NOW + 50 * MINUTE + HOUR, job)
    started.update(await clock.started())
    await clock.sweep()
    # the clock is put right: it is 11:56:40 again, and the instants up to 12:56 came once already
    clock.stage.time.now = NOW + 50 * MINUTE
    await clock.sweep()
    job.wake = None
    clock.ticker.arm(job)
    await through(clock, NOW + 3 * HOUR, job)
    started.update(await clock.started())
    assert max(started.values()) == 1
    # from 13:00 on everything runs again, and nothing that was not run already is lost in between
    assert {"13:00", "13:10", "14:00"} <= set(clocks(*started))
    everything = {AT_1110 + 10 * MINUTE * number for number in range(18)}
    counted = skipped(clock).get("Missed", 0)
    assert len(everything - set(started)) <= counted
    if policy == "All":
        assert set(started) >= everything


async def test_a_clock_that_goes_back_an_hour_by_itself_waits_for_what_it_has_not_run() -> None:
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest(**TEN, history={"successful": 0, "failed": 0}))
    await through(clock, NOW + 2 * HOUR, job)
    before = Counter(await clock.started())
    await clock.sweep()
    clock.stage.time.now = NOW + HOUR
    await clock.sweep()
    job.wake = None
    clock.ticker.arm(job)
    await through(clock, NOW + 2 * HOUR + 10 * MINUTE, job)
    assert Counter(await clock.started()) - before == Counter([AT_1110 + 2 * HOUR])
    assert skipped(clock) == {}


async def test_a_job_edited_after_the_clock_went_back_runs_by_its_new_schedule() -> None:
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest(**TEN))
    await through(clock, NOW + 2 * HOUR, job)
    await clock.sweep()
    clock.stage.time.now = NOW + HOUR
    await clock.sweep()
    job.wake = None
    clock.ticker.arm(job)
    await through(clock, NOW + HOUR + 5 * MINUTE, job)
    (edited,) = await clock.adopt(manifest(generation=2, schedule="*/7 * * * *", maxBacklog=10_000))
    before = set(clock.runs())
    await through(clock, NOW + HOUR + 20 * MINUTE, edited)
    assert clocks(*sorted(set(clock.runs()) - before)) == ["12:14", "12:21"]
