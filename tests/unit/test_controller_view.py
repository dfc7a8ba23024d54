"""A job's status in every state: what it says, and that the resource's own model accepts it."""

from dataclasses import replace
from typing import Any

import pytest

from kronstream.controller.job import Job, read
from kronstream.controller.view import status_of
from kronstream.domain.plan import Skipped
from kronstream.domain.run import Skip, State
from kronstream.ports import JobState, LastRun
from kronstream.resources.instant import parse
from kronstream.resources.scheduledjob import parse_status
from kronstream.resources.status import MAX_UNFINISHED
from unit.fakecluster import NOW, UID, manifest

ONCE = "2026-11-18T11:06:40Z"  # NOW
RUN = f"{UID}-s{NOW}"
STATE = JobState(
    uid=UID,
    namespace="default",
    name="job",
    generation=1,
    revision="0001.2026a",
    cursor=NOW,
    seq=1,
    suspended=False,
    invalid=False,
    active=0,
    unfinished=(),
    runs={},
    skipped={},
    last=None,
    last_schedule=None,
    last_success=None,
    last_failure=None,
    consecutive_failures=0,
    average_duration=None,
    last_skip=None,
    once=None,
    done=None,
)
OURS = {"Ready", "Stalled", "HandlerAvailable", "LastRunSucceeded"}


def job(**spec: Any) -> Job:
    return read(manifest(**spec), 60_000)[0]


def state(**fields: Any) -> JobState:
    return replace(STATE, **fields)


def last(ended: State, message: str = "", started: int | None = NOW, duration: int | None = 5) -> LastRun:
    return LastRun(RUN, ended.value, started, duration, message)


def condition(status: dict[str, Any], kind: str) -> tuple[str, str]:
    (found,) = [entry for entry in status["conditions"] if entry["type"] == kind]
    return found["status"], found["reason"]


CASES = {
    "new": (job(), state(), ("True", "Scheduled"), ("Unknown", "NoRunYet")),
    "cron": (job(schedule="0 3 * * *", timeZone="Europe/Berlin"), state(), ("True", "Scheduled"), None),
    "suspended": (job(suspend=True), state(suspended=True), ("True", "Suspended"), None),
    "invalid": (job(schedule="61 * * * *"), state(invalid=True), ("False", "InvalidSpec"), None),
    "one-time, ahead": (job(runAt=ONCE), state(cursor=NOW - 1), ("True", "Scheduled"), None),
    "one-time, under way": (
        job(runAt=ONCE),
        state(once=RUN, active=1, unfinished=(RUN,), last_schedule=NOW),
        ("True", "Scheduled"),
        ("Unknown", "NoRunYet"),
    ),
    "one-time, over": (
        job(runAt=ONCE),
        state(once=RUN, done=NOW + 5, last=last(State.SUCCESS), last_success=NOW + 5, runs={"success": 1}),
        ("True", "Completed"),
        ("True", "Succeeded"),
    ),
    "one-time, expired": (
        job(runAt=ONCE),
        state(once="Expired", done=NOW, skipped={"Expired": 1}, runs={"skipped": 1}),
        ("True", "Expired"),
        ("Unknown", "NoRunYet"),
    ),
    "one-time once, by a schedule now": (job(), state(once=RUN, done=NOW + 5), ("True", "Scheduled"), None),
    "succeeded": (
        job(),
        state(last=last(State.SUCCESS), last_success=NOW, runs={"success": 3}, average_duration=5),
        ("True", "Scheduled"),
        ("True", "Succeeded"),
    ),
    "failing": (
        job(),
        state(last=last(State.FAILED, "no " * 500), last_failure=NOW, consecutive_failures=3, runs={"failed": 3}),
        ("True", "Scheduled"),
        ("False", "Failed"),
    ),
    "failed, then succeeded": (
        job(),
        state(last=last(State.SUCCESS), last_failure=NOW, last_success=NOW, runs={"failed": 1, "success": 1}),
        ("True", "Scheduled"),
        ("True", "Succeeded"),
    ),
    "cancelled": (job(), state(last=last(State.CANCELLED, "replaced", None, None), runs={"cancelled": 1}), None, None),
    "skipped": (
        job(),
        state(
            last=last(State.SKIPPED, "deadline", None, None),
            runs={"skipped": 12},
            skipped={skip.value: number for number, skip in enumerate(Skip)},
            last_skip=Skipped(Skip.MISSED, 3, NOW - 9, NOW),
        ),
        None,
        ("Unknown", "NoRunYet"),
    ),
    "dead": (
        job(),
        state(last=last(State.DEAD, "too_many_deliveries"), last_failure=NOW, consecutive_failures=1, runs={"dead": 1}),
        None,
        ("False", "Failed"),
    ),
    "busy": (
        job(),
        state(active=500, unfinished=tuple(f"{UID}-s{NOW + number}" for number in range(MAX_UNFINISHED))),
        ("True", "Scheduled"),
        None,
    ),
}


@pytest.mark.parametrize("offered", [True, False, None])
@pytest.mark.parametrize("name", CASES)
def test_every_state_is_told_and_accepted_by_the_model(name: str, offered: bool | None) -> None:
    its, stored, ready, outcome = CASES[name]
    status = status_of(its, stored, offered, NOW)
    parsed = parse_status(status)
    assert (parsed.seq, parsed.observed_generation, parsed.cursor_ms) == (stored.seq, 1, stored.cursor)
    assert {entry.type for entry in parsed.conditions} == OURS
    assert parsed.active == stored.active
    assert parsed.runs.total == stored.active + sum(
        count for kind, count in stored.runs.items() if kind != State.SKIPPED.value
    )
    if ready is not None:
        assert condition(status, "Ready") == ready
    if outcome is not None:
        assert condition(status, "LastRunSucceeded") == outcome


@pytest.mark.parametrize("name", [name for name in CASES if name != "invalid"])
@pytest.mark.parametrize(
    ("offered", "expected"),
    [(True, ("True", "Offered")), (False, ("False", "NotOffered")), (None, ("Unknown", "NotKnown"))],
)
def test_whether_a_worker_has_the_handler(name: str, offered: bool | None, expected: tuple[str, str]) -> None:
    its, stored, *_ = CASES[name]
    assert condition(status_of(its, stored, offered, NOW), "HandlerAvailable") == expected


def test_an_invalid_spec_is_stalled_and_names_field_and_fault() -> None:
    status = status_of(*CASES["invalid"][:2], offered=True, now=NOW)
    assert condition(status, "Stalled") == ("True", "InvalidSpec")
    assert condition(status, "HandlerAvailable") == ("Unknown", "NotKnown")
    assert "spec.schedule" in status["conditions"][0]["message"]
    assert "nextRunTime" not in status


@pytest.mark.parametrize(
    ("name", "ahead"),
    [
        ("new", [NOW + 1000 * number for number in range(1, 6)]),
        ("suspended", []),
        ("invalid", []),
        ("one-time, ahead", [NOW]),
        ("one-time, under way", []),
        ("one-time, over", []),
        ("one-time once, by a schedule now", [NOW + 1000 * number for number in range(1, 6)]),
    ],
)
def test_what_comes_next(name: str, ahead: list[int]) -> None:
    status = status_of(*CASES[name][:2], offered=True, now=NOW)
    assert [parse(text) for text in status["upcoming"]] == ahead
    assert ("nextRunTime" in status) == bool(ahead)
    if ahead:
        assert parse(status["nextRunTime"]) == ahead[0]


@pytest.mark.parametrize("name", CASES)
def test_only_a_one_time_job_completes(name: str) -> None:
    status = status_of(*CASES[name][:2], offered=True, now=NOW)
    assert ("completionTime" in status) == (name in {"one-time, over", "one-time, expired"})


def test_an_invalid_spec_does_not_hide_that_the_only_run_is_over() -> None:
    its = job(schedule="61 * * * *")
    assert "completionTime" in status_of(its, state(once=RUN, done=NOW), None, NOW)


def test_a_transition_time_stays_until_the_status_of_the_condition_changes() -> None:
    its, early, late = job(), NOW - 60_000, NOW
    its.conditions = tuple(status_of(its, state(), True, early)["conditions"])
    again = {entry["type"]: entry["lastTransitionTime"] for entry in status_of(its, state(), False, late)["conditions"]}
    assert {kind for kind, at in again.items() if parse(at) == late} == {"HandlerAvailable"}


def test_conditions_of_others_are_kept_untouched_behind_ours() -> None:
    its = job()
    foreign = {"type": "example.com/Audited", "status": "True", "reason": "Yes", "lastTransitionTime": ONCE, "x": 1}
    its.conditions = (foreign, *status_of(its, state(), True, NOW)["conditions"])
    written = status_of(its, state(), True, NOW)["conditions"]
    assert written[-1] == foreign
    assert len(written) == len(OURS) + 1


def test_a_long_message_is_cut_to_what_the_schema_takes() -> None:
    status = status_of(job(), state(last=last(State.FAILED, "x" * 5000), consecutive_failures=1), True, NOW)
    assert len(status["lastRun"]["message"]) == 1024
    parse_status(status)
