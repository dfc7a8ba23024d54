"""A status gives back to a lost store what it was made of."""

from dataclasses import replace
from typing import Any

import pytest

from kronstream.controller.job import read
from kronstream.controller.seed import seed_of
from kronstream.controller.view import status_of
from kronstream.domain.run import Skip
from kronstream.ports import JobState, Pause
from kronstream.resources.instant import render
from kronstream.streams.jobstate import job_state
from kronstream.testing import MemoryLedger, MemoryStore
from unit.fakecluster import NOW, UID, FakeJobs, manifest
from unit.test_controller_view import CASES, STATE

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("status", [{}, {"observedGeneration": -1}, {"seq": 0}])
def test_a_status_that_no_operator_wrote_gives_nothing(status: dict[str, Any]) -> None:
    assert seed_of(status) is None


@pytest.mark.parametrize("broken", [{"runs": 7}, {"cursor": "yesterday"}, {"lastRun": {"id": ""}}, {"unfinished": 1}])
def test_a_status_that_nobody_can_read_gives_nothing(broken: dict[str, Any]) -> None:
    assert seed_of({"seq": 5, **broken}) is None


async def refilled(name: str) -> tuple[JobState, JobState]:
    """The state of a case, and the one of a store that was filled from its status."""
    its, state, *_ = CASES[name]
    store = MemoryStore(lambda: NOW, "epoch")
    obj = FakeJobs(manifest()).objects[UID]
    obj["status"] = status_of(its, state, True, NOW)
    _, adoption = read(obj, 60_000)
    (again,) = await MemoryLedger(store).describe([UID])
    assert again is None
    await MemoryLedger(store).adopt([adoption])
    (again,) = await MemoryLedger(store).describe([UID])
    assert again is not None
    return state, again


@pytest.mark.parametrize("name", [name for name in CASES if name != "one-time once, by a schedule now"])
async def test_counters_cursor_and_last_run_survive(name: str) -> None:
    before, after = await refilled(name)
    assert after.cursor == before.cursor
    assert after.seq > before.seq
    assert {kind: count for kind, count in after.runs.items() if count} == dict(before.runs)
    assert after.skipped == {reason: count for reason, count in before.skipped.items() if count}
    assert after.consecutive_failures == before.consecutive_failures
    assert after.average_duration == before.average_duration
    assert (after.last_schedule, after.last_success, after.last_failure, after.done) == (
        before.last_schedule,
        before.last_success,
        before.last_failure,
        before.done,
    )
    assert set(after.unfinished) == set(before.unfinished)
    if before.last is not None:
        assert after.last is not None
        assert (after.last.id, after.last.state, after.last.started, after.last.duration) == (
            before.last.id,
            before.last.state,
            before.last.started,
            before.last.duration,
        )
        shown = status_of(CASES[name][0], before, True, NOW)["lastRun"].get("message", "")
        assert after.last.message == shown


@pytest.mark.parametrize("name", ["one-time, under way", "one-time, over", "one-time, expired"])
async def test_a_one_time_job_that_was_dispatched_is_not_due_again(name: str) -> None:
    its, state, *_ = CASES[name]
    _, adoption = read({**manifest(runAt="2026-11-18T11:06:40Z"), "status": status_of(its, state, True, NOW)}, 60_000)
    assert adoption.seed is not None
    assert adoption.seed.fields.get("once")
    if name == "one-time, under way":
        assert adoption.seed.fields["once"] == state.once


@pytest.mark.parametrize(
    ("last_id", "skipped", "once"),
    [(None, {"Expired": 1}, "Expired"), (None, {}, "restored"), (None, {"Edited": 2, "Paused": 1}, "restored"),
     ("x-s1", {"Edited": 2}, "x-s1")],
)  # fmt: skip
def test_why_a_one_time_job_never_ran_is_not_forgotten(last_id: str | None, skipped: dict[str, int], once: str) -> None:
    status: dict[str, Any] = {"seq": 1, "completionTime": render(NOW), "skipped": skipped}
    if last_id is not None:
        status["lastRun"] = {"id": last_id, "status": "success"}
    seed = seed_of(status, one_time=True)
    assert seed is not None
    assert seed.fields["once"] == once


@pytest.mark.parametrize(
    "pause",
    [
        None,
        Pause(NOW - 5, None, "anna", "the disk is full"),
        Pause(NOW - 5, NOW + 9, "anna"),
        Pause(NOW - 5, None, "kronstream", "3 runs in a row failed", failures=True),
    ],
)
async def test_what_people_asked_for_survives(pause: Pause | None) -> None:
    state = replace(STATE, pause=pause, skip_next=(NOW + 1_000, NOW + 3_000), run_now="monday")
    its = read(manifest(), 60_000)[0]
    seed = seed_of(status_of(its, state, True, NOW))
    assert seed is not None
    fields = {"ns": "default", "name": "job", "gen": "1", "rev": "r", "cur": str(NOW), "sus": "0", "inv": "0"}
    found = job_state(UID, [[part for pair in {**fields, **seed.fields}.items() for part in pair], 0, []])
    assert found is not None
    assert (found.pause, found.skip_next, found.run_now) == (pause, state.skip_next, "monday")


def test_a_pause_of_an_older_operator_counts_from_the_beginning() -> None:
    seed = seed_of({"seq": 1, "paused": {"by": "anna"}})
    assert seed is not None
    assert (seed.fields["psn"], seed.fields["pun"]) == ("1", "")


def test_redis_reads_a_seed_back() -> None:
    """The fields of a seed are fields of the job's hash."""
    its, state, *_ = CASES["failing"]
    seed = seed_of(status_of(its, state, True, NOW))
    assert seed is not None
    fields = {
        "ns": "default",
        "name": "job",
        "gen": "1",
        "rev": "r",
        "cur": str(NOW),
        "sus": "0",
        "inv": "0",
        **seed.fields,
    }
    found = job_state(UID, [[part for pair in fields.items() for part in pair], 0, []])
    assert found is not None
    assert (found.runs, found.consecutive_failures, found.seq) == ({"failed": 3}, 3, state.seq)
    assert found.last is not None
    assert found.last.state == "failed"
    assert Skip.MISSED.value not in found.skipped
