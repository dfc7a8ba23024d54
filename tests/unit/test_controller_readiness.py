"""Why nothing is due, what holds a job, and what its status tells of that."""

from dataclasses import replace
from typing import Any

import pytest

from kronstream.controller.hold import Hold, hold_of
from kronstream.controller.job import Job, read
from kronstream.controller.news import news_of, remember
from kronstream.controller.readiness import completed, readiness
from kronstream.controller.view import status_of
from kronstream.domain.run import State
from kronstream.ports import JobState, LastRun, Pause
from kronstream.resources.instant import parse, render
from kronstream.resources.scheduledjob import parse_status
from unit.fakecluster import NOW, UID, manifest
from unit.test_controller_view import STATE

ONCE = "2026-11-18T11:06:45Z"  # five seconds ahead
AT = NOW + 5_000
RUN = f"{UID}-s{AT}"
OPEN = Pause(NOW - 1_000, None, "anna", "the disk is full")
SOON = Pause(NOW - 1_000, NOW + 2_500, "anna")
LATE = Pause(NOW - 1_000, NOW + 60_000, "ben")
GIVEN_UP = Pause(NOW - 1_000, None, "kronstream", "3 runs in a row failed", failures=True)
OVER = Pause(NOW - 9_000, NOW - 1_000, "anna")
AHEAD = Pause(NOW + 1, None, "anna")


def job(**spec: Any) -> Job:
    return read(manifest(**spec), 60_000)[0]


def on_demand() -> Job:
    obj = manifest()
    del obj["spec"]["every"]
    return read(obj, 60_000)[0]


def state(**fields: Any) -> JobState:
    return replace(STATE, **fields)


def ready(its: Job, stored: JobState, scoped: Any = None) -> tuple[str, str, str]:
    status = status_of(its, stored, None, NOW, scoped)
    parse_status(status)
    told = status["conditions"][0]
    return told["status"], told["reason"], told["message"]


@pytest.mark.parametrize(
    ("its", "pause", "scoped", "name"),
    [
        (job(), None, None, None),
        (job(), OVER, None, None),
        (job(), AHEAD, None, None),
        (job(), OPEN, None, "Paused"),
        (job(), GIVEN_UP, None, "Failures"),
        (job(suspend=True), OPEN, ("Namespace", OPEN), "Spec"),
        (job(), None, ("Namespace", OPEN), "Namespace"),
        (job(), OVER, ("Installation", SOON), "Installation"),
        # the one that ends last tells when the job goes on; of equal ones its own
        (job(), SOON, ("Namespace", LATE), "Namespace"),
        (job(), LATE, ("Namespace", SOON), "Paused"),
        (job(), SOON, ("Installation", OPEN), "Installation"),
        (job(), GIVEN_UP, ("Installation", OPEN), "Failures"),
    ],
)
def test_what_holds_a_job(its: Job, pause: Pause | None, scoped: Any, name: str | None) -> None:
    hold = hold_of(its, state(pause=pause), scoped, NOW)
    assert (hold.name if hold else None) == name
    assert status_of(its, state(pause=pause), None, NOW, scoped)["suspended"] == (name or "No")


@pytest.mark.parametrize(
    ("hold", "reason", "words"),
    [
        (Hold("Spec"), "Suspended", "spec.suspend holds the job"),
        (
            Hold("Paused", OPEN),
            "Paused",
            "the job is paused by anna (the disk is full): instants that pass are skipped",
        ),
        (Hold("Paused", SOON), "Paused", f"the job is paused by anna until {render(NOW + 2_500)}: "),
        (Hold("Paused", Pause(NOW, None)), "Paused", "the job is paused: "),
        (Hold("Namespace", OPEN), "Paused", "all jobs of this namespace are paused by anna"),
        (Hold("Installation", OPEN), "Paused", "all jobs are paused by anna"),
        (Hold("Failures", GIVEN_UP), "Failures", "suspendAfterFailures holds the job (3 runs in a row failed): "),
    ],
)
def test_a_held_job_is_ready_and_says_what_holds_it(hold: Hold, reason: str, words: str) -> None:
    _, status, told, message = readiness(job(), state(), hold, ())
    assert (status, told) == ("True", reason)
    assert words in message


def test_a_long_reason_is_cut() -> None:
    pause = replace(OPEN, reason="x" * 2_000)
    assert len(ready(job(), state(pause=pause))[2]) == 1_024
    assert len(status_of(job(), state(pause=pause), None, NOW)["paused"]["reason"]) == 1_024


SKIPPED = "nothing is due any more: what is next is skipped"


@pytest.mark.parametrize(
    ("its", "stored", "told"),
    [
        (job(schedule="61 * * * *"), state(), ("False", "InvalidSpec", "spec.schedule")),
        (on_demand(), state(), ("True", "OnDemand", "runs when it is asked to")),
        (job(), state(), ("True", "Scheduled", "dispatched when they are due")),
        (job(schedule="0 0 31 2 *"), state(), ("True", "NoNextRun", "nothing is due any more: ")),
        (job(runAt=ONCE), state(cursor=AT - 1, skip_next=(AT,)), ("True", "NoNextRun", SKIPPED)),
        (job(runAt=ONCE), state(cursor=AT - 1), ("True", "Scheduled", "")),
        (job(endAfter={"runs": 1}), state(ended=True, active=2), ("True", "Ending", "2 run(s) go on")),
        (job(endAfter={"runs": 1}), state(ended=True), ("True", "Completed", "endAfter was reached")),
        (job(endAfter={"runs": 1}), state(ended=True, pause=OPEN), ("True", "Completed", "")),
        (job(runAt=ONCE), state(once=RUN, done=AT), ("True", "Completed", "the one run of this job is over")),
        (job(runAt=ONCE), state(once="Expired", done=AT), ("True", "Expired", "had passed when it was written")),
        (job(runAt=ONCE), state(once="Paused", done=AT), ("True", "Skipped", "while the job was paused")),
        (job(runAt=ONCE), state(once="Requested", done=AT), ("True", "Skipped", "as somebody asked")),
        (job(runAt=ONCE), state(once="Condition", done=AT), ("True", "Skipped", "runIf did not hold")),
        (job(runAt=ONCE), state(once="Deadline", done=AT), ("True", "Skipped", "was skipped: Deadline")),
    ],
)
def test_why_a_job_is_as_it_is(its: Job, stored: JobState, told: tuple[str, str, str]) -> None:
    status, reason, message = ready(its, stored)
    assert (status, reason) == told[:2]
    assert told[2] in message


def test_a_limited_schedule_whose_last_instants_are_skipped() -> None:
    its = job(notAfter=render(NOW + 2_000))
    instants = (NOW + 1_000, NOW + 2_000)
    assert ready(its, state(skip_next=instants))[1:] == ("NoNextRun", SKIPPED)
    assert status_of(its, state(skip_next=instants[:1]), None, NOW)["upcoming"] == [render(NOW + 2_000)]


def test_why_a_condition_kept_the_last_run_from_starting() -> None:
    its = job(runIf="run.year < 2000")
    assert "runIf" not in ready(its, state())[2]
    its.unmet = "is false: run.year < 2000 (run.year is 2026)"
    status, reason, message = ready(its, state())
    assert (status, reason) == ("True", "Scheduled")
    assert message.endswith("the last one was skipped: runIf is false: run.year < 2000 (run.year is 2026)")


@pytest.mark.parametrize(
    ("fields", "instant"),
    [
        ({}, NOW),  # its only run was asked for, and cancelled before it began
        ({"last_schedule": NOW - 9}, NOW - 9),
        ({"last_success": NOW - 5, "last_failure": NOW - 7, "last_schedule": NOW - 9}, NOW - 5),
        ({"last_success": NOW - 9, "last_failure": NOW - 5}, NOW - 5),
        ({"last_success": NOW - 9, "active": 1}, None),
    ],
)
def test_an_ended_job_is_over_when_its_last_run_is(fields: dict[str, Any], instant: int | None) -> None:
    assert completed(job(), state(ended=True, **fields)) == instant


def test_a_job_that_got_another_form_of_time_goes_on() -> None:
    assert completed(job(runAt=ONCE), state(once=RUN, done=AT)) == AT
    assert completed(job(), state(once=RUN, done=AT)) is None
    assert completed(on_demand(), state(once=RUN, done=AT)) == AT


@pytest.mark.parametrize(
    ("its", "stored", "scoped", "first"),
    [
        (job(), state(), None, NOW + 1_000),
        (job(), state(pause=OPEN), None, None),
        (job(), state(pause=SOON), None, NOW + 3_000),
        (job(), state(pause=Pause(NOW - 1, NOW + 2_000)), None, NOW + 2_000),
        (job(), state(pause=SOON), ("Namespace", LATE), NOW + 60_000),
        (job(), state(pause=SOON), ("Installation", OPEN), None),
        (job(suspend=True), state(), None, None),
        (job(), state(skip_next=(NOW + 1_000, NOW + 3_000)), None, NOW + 2_000),
        (job(), state(ended=True), None, None),
        (on_demand(), state(), None, None),
        (job(runAt=ONCE), state(), None, AT),
        (job(runAt=ONCE), state(once=RUN), None, None),
        (job(runAt=ONCE), state(skip_next=(AT,)), None, None),
        (job(runAt=ONCE), state(pause=LATE), None, None),
        (job(runAt=ONCE), state(pause=SOON), None, AT),
    ],
)
def test_the_next_run_is_the_first_that_will_really_come(
    its: Job, stored: JobState, scoped: Any, first: int | None
) -> None:
    status = status_of(its, stored, None, NOW, scoped)
    told = status.get("nextRunTime")
    assert (parse(told) if told else None) == first
    assert status["upcoming"][:1] == ([told] if told else [])


def test_skipped_instants_leave_five_ahead() -> None:
    status = status_of(job(), state(skip_next=(NOW + 1_000, NOW + 3_000)), None, NOW)
    assert [parse(text) - NOW for text in status["upcoming"]] == [2_000, 4_000, 5_000, 6_000, 7_000]
    assert [parse(text) - NOW for text in status["skipNext"]] == [1_000, 3_000]


def test_a_pause_is_told_with_all_that_is_known_of_it() -> None:
    assert status_of(job(), state(pause=OPEN), None, NOW)["paused"] == {
        "by": "anna",
        "reason": "the disk is full",
        "since": render(NOW - 1_000),
    }
    assert status_of(job(), state(pause=Pause(NOW, NOW + 5)), None, NOW)["paused"] == {
        "by": "unknown",
        "since": render(NOW),
        "until": render(NOW + 5),
    }
    assert "paused" not in status_of(job(), state(pause=OVER), None, NOW)


def test_the_handled_value_and_the_resolved_schedule_are_told() -> None:
    status = status_of(job(schedule="H 3 * * *"), state(run_now="v"), None, NOW)
    assert status["handledRunNow"] == "v"
    assert status["schedule"].split()[0].isdigit()
    assert "handledRunNow" not in status_of(job(), state(), None, NOW)


@pytest.mark.parametrize(
    ("ended", "why", "said"),
    [
        (State.CANCELLED, "requested", "somebody asked"),
        (State.CANCELLED, "replaced", "a newer run took its place"),
        (State.CANCELLED, "deleted", "deleted"),
        (State.SKIPPED, "overlap", "before it had started"),
        (State.SKIPPED, "deadline", "startingDeadline"),
        (State.FAILED, "deadline", "deadline"),
    ],
)
def test_why_the_last_run_was_not_to_be_is_told_in_words(ended: State, why: str, said: str) -> None:
    last = LastRun(RUN, ended.value, None, None, why)
    told = status_of(job(), state(last=last), None, NOW)["lastRun"]
    assert said in told["message"]
    assert (told["message"] == why) == (said == why)


def test_a_job_that_counts_its_failures_anew_did_not_succeed() -> None:
    its = job()
    failed = state(last=LastRun(RUN, "failed", NOW, 5, "no"), last_failure=NOW, last_success=NOW - 5)
    remember(its, replace(failed, consecutive_failures=3))
    (outcome,) = [
        each for each in status_of(its, failed, None, NOW)["conditions"] if each["type"] == "LastRunSucceeded"
    ]
    assert (outcome["status"], outcome["reason"], outcome["message"]) == ("False", "Failed", "no")
    assert news_of(its, failed) == []
    (one,) = news_of(its, replace(failed, last_success=NOW))
    assert one.reason == "RunSucceeded"


def test_that_a_job_gave_up_is_news_once() -> None:
    its = job()
    given_up = state(pause=GIVEN_UP, consecutive_failures=0)
    assert news_of(its, state(pause=OPEN)) == []
    (one,) = news_of(its, given_up)
    assert (one.kind, one.reason) == ("Warning", "GivenUp")
    assert one.message.startswith("3 runs in a row failed: ")
    remember(its, given_up)
    assert news_of(its, given_up) == []
    remember(its, state(pause=replace(GIVEN_UP, until=NOW)))
    assert len(news_of(its, given_up)) == 1

    told = read(manifest(status=status_of(its, given_up, None, NOW)), 60_000)[0]
    assert news_of(told, given_up) == []
