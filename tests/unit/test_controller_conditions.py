"""Judging `runIf` just before a dispatch."""

from dataclasses import replace
from typing import Any

import pytest

from kronstream.controller.conditions import Conditions, judged, told, verdict_for
from kronstream.controller.job import Job, read
from kronstream.domain.plan import Plan, Skipped
from kronstream.domain.run import Skip, State, Trigger
from kronstream.ports import Before, JobState, LastRun
from kronstream.testing import FixedClock, MemoryLedger, MemoryStore
from unit.fakecluster import EPOCH, NOW, UID, manifest
from unit.test_controller_view import STATE

pytestmark = pytest.mark.anyio

FAILED = LastRun(f"{UID}-s1", State.FAILED.value, NOW - 9_000, 5, "no")


def job(run_if: str | None = None, **spec: Any) -> Job:
    return read(manifest(**spec, **({"runIf": run_if} if run_if else {})), 60_000)[0]


def owed(*due: int, skipped: tuple[Skipped, ...] = (), delays: tuple[int, ...] = ()) -> Plan:
    return Plan(due, skipped, due[-1] if due else NOW, NOW + 99_000, delays)


def state(last: LastRun | None = None, failures: int = 0) -> JobState:
    return replace(STATE, last=last, consecutive_failures=failures)


def test_all_start_or_none_by_the_run_before() -> None:
    its = job('last.status != "failed"')
    plan = owed(NOW, NOW + 1_000)
    assert judged(its, plan, state()) == plan
    assert its.unmet == ""

    found = judged(its, plan, state(FAILED, 1))
    assert (found.due, found.cursor, found.next) == ((), plan.cursor, plan.next)
    assert found.skipped == (Skipped(Skip.CONDITION, 2, NOW, NOW + 1_000),)
    assert its.unmet == 'is false: last.status != "failed" (last.status is "failed")'

    judged(its, plan, state())
    assert its.unmet == "", "what held is no news any more"


def test_instants_are_judged_one_by_one_and_keep_their_delays() -> None:
    minute = 60_000
    begin = NOW // 3_600_000 * 3_600_000  # a full hour
    due = tuple(begin + minute * number for number in range(6))
    its = job("run.minute == 2 || run.minute == 3")
    found = judged(its, owed(*due, delays=(10, 11, 12, 13, 14, 15)), None)
    assert (found.due, found.delays) == (due[2:4], (12, 13))
    assert found.skipped == (
        Skipped(Skip.CONDITION, 2, due[0], due[1]),
        Skipped(Skip.CONDITION, 2, due[4], due[5]),
    )
    assert "run.minute is 5" in its.unmet


def test_what_was_skipped_for_another_reason_stays_so() -> None:
    missed = Skipped(Skip.MISSED, 3, 1, 3)
    found = judged(job("run.year < 2000"), owed(NOW, skipped=(missed,)), None)
    assert found.skipped == (missed, Skipped(Skip.CONDITION, 1, NOW, NOW))
    assert found.delays == ()


def test_what_cannot_be_told_starts_nothing() -> None:
    its = job("last.durationMs / (last.consecutiveFailures - 1) > 3")
    assert judged(its, owed(NOW), state(FAILED, 1)).due == ()
    assert its.unmet.startswith("cannot be told: ")


def test_a_condition_sees_the_job_the_run_and_its_zone() -> None:
    expression = (
        'job.namespace == "default" && job.name == "job-0b5c3c6e" && run.trigger == "backfill" && run.hour == 12'
        ' && run.id.endsWith("-b1")'
    )
    its = job(expression, schedule="* * * * *", timeZone="Europe/Berlin")
    eleven = NOW // 86_400_000 * 86_400_000 + 11 * 3_600_000
    its.uid = "x"
    assert not verdict_for(its, eleven, Trigger.BACKFILL, None).holds
    wanted = job(expression.replace('-b1")', f'-b{eleven}")'), schedule="* * * * *", timeZone="Europe/Berlin")
    assert verdict_for(wanted, eleven, Trigger.BACKFILL, None).holds
    assert not verdict_for(wanted, eleven, Trigger.SCHEDULE, None).holds
    assert verdict_for(job(), eleven, Trigger.SCHEDULE, None).holds


def test_what_is_told_of_the_run_before() -> None:
    assert told(None) is None
    assert told(state()) is None
    assert told(state(FAILED, 2)) == {
        "status": "failed",
        "startedAt": NOW - 9_000,
        "finishedAt": NOW - 8_995,
        "durationMs": 5,
        "message": "no",
        "consecutiveFailures": 2,
    }
    for part in ({"started": None}, {"duration": None}):
        found = told(state(replace(FAILED, **part)))
        assert found is not None
        assert found["finishedAt"] is None


class Counting(MemoryLedger):
    """Counts whose states were read."""

    def __init__(self) -> None:
        super().__init__(MemoryStore(FixedClock(NOW), EPOCH))
        self.asked: list[str] = []

    async def lasts(self, uids: Any) -> list[Before]:
        self.asked += uids
        return await super().lasts(uids)


async def test_jobs_without_a_condition_cost_nothing() -> None:
    ledger = Counting()
    plain, idle = (job(), owed(NOW)), (job("run.year < 2000"), owed())
    assert await Conditions(ledger).judge([plain, idle]) == [plain, idle]
    assert ledger.asked == []


async def test_only_jobs_with_a_condition_are_judged() -> None:
    ledger = Counting()
    plain, never = (job(), owed(NOW)), (job("run.year < 2000"), owed(NOW))
    never[0].uid = "never"
    first, second = await Conditions(ledger).judge([plain, never])
    assert first == plain
    assert (second[0], second[1].due) == (never[0], ())
    assert ledger.asked == ["never"]
