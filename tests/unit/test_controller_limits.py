"""Ticking jobs with an end, a condition, a jitter, a pause: what is dispatched, skipped and told."""

from typing import Any

import pytest

from kronstream.controller.view import status_of
from kronstream.domain.run import Lane, State
from kronstream.resources.instant import render
from kronstream.testing import MemoryRequests
from kronstream.testing.ending import settle
from unit.fakecluster import NOW, UID, manifest
from unit.watchmaker import Watchmaker

pytestmark = pytest.mark.anyio


async def ticked(clock: Watchmaker, seconds: int) -> None:
    """Fire once a second."""
    for _ in range(seconds):
        clock.stage.time.advance(1_000)
        await clock.ticker.fire(clock.stage.time.now)


async def status(clock: Watchmaker) -> dict[str, Any]:
    """What the job's status would tell."""
    (state,) = await clock.ledger.describe([UID])
    job = clock.stage.roster.get(UID)
    assert state is not None
    assert job is not None
    return status_of(job, state, True, clock.stage.time.now)


async def test_an_ended_job_is_asked_about_once_and_never_again() -> None:
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest(endAfter={"runs": 12}))
    await clock.ticker.fire(NOW)
    await ticked(clock, 20)
    assert len(clock.runs()) == 12
    assert (job.ended, job.wake) == (True, None)
    assert len([items for items in clock.ledger.asked if items]) == 4, "ten late ones at once, two, and one refused"
    await clock.started()
    told = await status(clock)
    assert "completionTime" in told
    assert "nextRunTime" not in told
    assert told["skipped"] == {}


async def test_an_end_that_was_taken_back_goes_on_once_the_status_tells_it() -> None:
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest(endAfter={"runs": 10}))
    await clock.ticker.fire(NOW)
    await ticked(clock, 2)
    assert (job.ended, job.wake) == (True, None)
    clock.stage.reconciler.observe("MODIFIED", manifest(endAfter={"runs": 10}, status=await status(clock)))
    assert (job.ended, job.wake) == (True, None), "the status tells the end"
    settle(clock.stage.store, clock.stage.store.runs[min(clock.stage.store.runs)], State.SKIPPED, "deadline")
    clock.stage.reconciler.observe("MODIFIED", manifest(endAfter={"runs": 10}, status=await status(clock)))
    assert not job.ended
    assert clock.stage.armed.pop() is job
    clock.ticker.arm(job)
    await ticked(clock, 5)
    assert clock.runs()[-1] == NOW + 3_000
    assert (job.ended, len(clock.runs())) == (True, 11)


async def test_a_raised_end_goes_on_from_now_and_counts_nothing_of_between() -> None:
    clock = Watchmaker()
    await clock.adopt(manifest(endAfter={"runs": 10}))
    await clock.ticker.fire(NOW)
    await ticked(clock, 5)
    await clock.adopt(manifest(generation=2, endAfter={"runs": 12}))
    await ticked(clock, 5)
    assert clock.runs()[10:] == [NOW + 6_000, NOW + 7_000]
    assert (await status(clock))["skipped"] == {}


async def test_a_condition_that_does_not_hold_costs_the_instants_and_says_why() -> None:
    clock = Watchmaker()
    await clock.adopt(manifest(runIf="run.year < 2000"))
    await clock.ticker.fire(NOW)
    await ticked(clock, 3)
    told = await status(clock)
    assert clock.runs() == []
    assert told["skipped"] == {"Condition": 13}
    assert "run.year is 2026" in told["conditions"][0]["message"]


async def test_the_only_run_of_a_job_is_over_when_its_condition_does_not_hold() -> None:
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest(runAt=render(NOW + 1_000), runIf="run.year < 2000"))
    await ticked(clock, 2)
    told = await status(clock)
    assert (clock.runs(), job.once, job.wake) == ([], "Condition", None)
    assert told["conditions"][0]["reason"] == "Skipped"
    assert "completionTime" in told


async def test_a_jitter_puts_runs_off_and_leaves_their_nominal_time() -> None:
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest(every="10s", anchor=render(NOW), jitter="9s"))
    clock.stage.roster.wake_at(job, None)
    clock.ticker.arm(job)
    assert job.next == NOW
    assert job.due is not None
    delay = job.due - NOW
    assert 0 < delay <= 9_000, "of this name and this instant"
    clock.stage.time.now = job.due - 100
    await clock.ticker.fire(clock.stage.time.now)
    assert clock.runs() == []
    clock.stage.time.now = job.due
    await clock.ticker.fire(clock.stage.time.now)
    assert clock.runs() == [NOW]
    assert job.next == NOW + 10_000
    assert job.due > NOW + 10_000 - 1


@pytest.mark.parametrize(
    ("edit", "runs", "skipped"),
    [
        ({"every": "20s", "jitter": "9s"}, [], {"Edited": 1}),
        ({"every": "10s", "jitter": "9s", "payload": {}}, [NOW], {}),
        ({"every": "10s"}, [NOW], {}),
    ],
)
async def test_what_a_jitter_puts_off_over_an_edit_is_accounted_for(
    edit: dict[str, Any], runs: list[int], skipped: dict[str, int]
) -> None:
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest(every="10s", anchor=render(NOW), jitter="9s"))
    assert job.due is not None
    assert NOW + 100 < job.due < NOW + 9_000
    clock.stage.time.now = NOW + 100
    await clock.ticker.fire(NOW + 100)
    await clock.adopt(manifest(generation=2, anchor=render(NOW), **edit))
    clock.stage.time.now = NOW + 9_100
    await clock.ticker.fire(NOW + 9_100)
    assert (clock.runs(), (await status(clock))["skipped"]) == (runs, skipped)


async def test_what_is_paused_or_was_asked_to_be_skipped_makes_no_run() -> None:
    clock = Watchmaker()
    requests = MemoryRequests(clock.stage.store)
    await clock.adopt(manifest())
    await clock.ticker.fire(NOW)
    await requests.skip(UID, [NOW + 1_000])
    await ticked(clock, 1)
    await requests.pause([UID], "anna", "", NOW + 3_500)
    await ticked(clock, 4)
    assert clock.runs()[-2:] == [NOW + 4_000, NOW + 5_000]
    assert (await status(clock))["skipped"] == {"Requested": 1, "Paused": 2}


async def test_a_pause_that_ended_while_nobody_looked_makes_up_for_nothing() -> None:
    clock = Watchmaker()
    await clock.adopt(manifest(catchUp={"policy": "All"}))
    await clock.ticker.fire(NOW)
    await MemoryRequests(clock.stage.store).pause([UID], "anna", "", NOW + 5_500)
    later = clock.successor(NOW + 10_000)
    await later.adopt(manifest(catchUp={"policy": "All"}))
    await later.ticker.fire(NOW + 10_000)
    assert [nominal - NOW for nominal in later.runs() if nominal > NOW] == [6_000, 7_000, 8_000, 9_000, 10_000]
    (state,) = await later.ledger.describe([UID])
    assert state is not None
    assert state.skipped == {"Paused": 5}


async def test_a_run_of_another_lane_and_policy_goes_by_the_same_rules() -> None:
    clock = Watchmaker()
    await clock.adopt(manifest(concurrencyPolicy="Queue", maxConcurrent=2, maxQueued=3, priority="high"))
    await clock.ticker.fire(NOW)
    (state,) = await clock.ledger.describe([UID])
    assert state is not None
    assert (state.active, state.skipped) == (5, {"QueueFull": 5})
    assert len(clock.stage.store.lanes["default", Lane.HIGH].entries) == 2
