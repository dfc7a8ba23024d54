"""Backfills: runs for instants of the past, at a pace, whoever began them."""

import signal
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest

from eventually import eventually
from integration.installation import Installation
from integration.objects import Object, ready, scheduled
from integration.service import Service
from integration.test_concurrency import most_at_once
from integration.timeline import gaps, now
from kronstream.domain.run import State, Trigger, trigger_of
from kronstream.operations import Refused
from kronstream.operations.refused import Why
from kronstream.ports import Backfill, Execution

KEPT = {"history": {"successful": 1_000, "failed": 1_000}}
SECONDLY = "* * * * * *"
MINUTE = 60_000


def applied(installation: Installation, name: str, /, **spec: Any) -> Object:
    """A job that is in force and reports what its handlers do."""
    (job,) = installation.apply(
        scheduled(name, **{"function": "probe:span", "payload": {"seconds": 0}, **KEPT, **spec})
    )
    return installation.wait(job, ready)


def past(count: int, step: int = MINUTE) -> tuple[int, int]:
    """A range of so many instants that ended a while ago."""
    end = now() // step * step - step
    return end - (count - 1) * step, end


def begun(installation: Installation, job: Object, begin: int, end: int, **pace: Any) -> Backfill:
    """A backfill that was begun."""
    return installation.ask(lambda service: service.backfills.start(job["metadata"]["uid"], "k", begin, end, **pace))


def over(installation: Installation, backfill: Backfill, within: float = 30) -> Backfill:
    """The backfill once it is over."""

    def found() -> Backfill | None:
        present = installation.ask(lambda service: service.backfills.get(backfill.id))
        return present if present.state != "running" else None

    return eventually(found, within)


def made(installation: Installation, job: Object) -> list[Execution]:
    """Records of backfilled runs, the oldest nominal instant first."""
    return [record for record in installation.records(job) if record.trigger is Trigger.BACKFILL]


def refusal(installation: Installation, question: Callable[[Service], Awaitable[Any]]) -> Refused:
    """What is said to a question that is refused."""
    with pytest.raises(Refused) as caught:
        installation.ask(question)
    return caught.value


def test_a_range_is_previewed_and_run_beside_the_schedule(installation: Installation) -> None:
    job = applied(installation, "refill", schedule=SECONDLY, payload={"seconds": 0.3})
    uid = job["metadata"]["uid"]
    begin, end = past(10, 1_000)
    begin, end = begin - 3_600_000, end - 3_600_000

    preview = installation.ask(lambda service: service.backfills.preview(uid, begin, end))
    assert (preview.total, preview.instants) == (10, tuple(range(begin, end + 1, 1_000)))
    backfill = begun(installation, job, begin, end, concurrent=2, by="anna")
    assert begun(installation, job, begin, end, concurrent=2, by="anna").id == backfill.id

    done = over(installation, backfill)
    assert (done.state, done.started, done.succeeded, done.failed) == ("done", 10, 10, 0)
    records = made(installation, job)
    assert [record.nominal for record in records] == list(range(begin, end + 1, 1_000))
    assert [record.started for record in records] == sorted(record.started or 0 for record in records)
    assert {(record.state, record.requested_by) for record in records} == {(State.SUCCESS, "anna")}
    assert most_at_once(s for s in installation.spans(job) if trigger_of(s["run"]) is Trigger.BACKFILL) == 2
    assert [one.id for one in installation.ask(lambda service: service.backfills.of_job(uid))] == [backfill.id]
    # the schedule itself went on
    own = [record.nominal for record in installation.records(job) if record.trigger is Trigger.SCHEDULE]
    assert gaps(own, 1_000) == []
    assert min(own) > end
    job = installation.wait(job, lambda found: found["status"]["runs"]["succeeded"] >= 12)
    assert job["status"]["skipped"] == {}


def test_a_pace_is_kept(installation: Installation) -> None:
    job = applied(installation, "slowly", schedule="* * * * *")
    begin, end = past(4)

    done = over(installation, begun(installation, job, begin, end, interval=800, concurrent=4))

    assert (done.started, done.succeeded) == (4, 4)
    began = [record.dispatched for record in made(installation, job)]
    assert all(later - earlier >= 800 for earlier, later in pairwise(began))


def test_it_goes_on_when_every_operator_was_killed(sturdy: Installation) -> None:
    job = applied(sturdy, "orphaned", schedule="* * * * *")
    begin, end = past(12)
    backfill = begun(sturdy, job, begin, end, interval=1_000)
    eventually(lambda: len(made(sturdy, job)) >= 2)

    sturdy.stop(*sturdy.operators, number=signal.SIGKILL)
    before = len(made(sturdy, job))
    sturdy.start(*sturdy.operators)

    done = over(sturdy, backfill, within=60)
    assert before < 12, "it was not over before they were killed"
    assert (done.state, done.started, done.succeeded) == ("done", 12, 12)
    assert [record.nominal for record in made(sturdy, job)] == list(range(begin, end + 1, MINUTE))
    assert len({call["run"] for call in sturdy.seen(job) if trigger_of(call["run"]) is Trigger.BACKFILL}) == 12


def test_it_is_cancelled_and_what_it_began_goes_on(installation: Installation) -> None:
    job = applied(installation, "enough", schedule="* * * * *", payload={"seconds": 1.5})
    begin, end = past(50)
    backfill = begun(installation, job, begin, end)
    eventually(lambda: [call for call in installation.seen(job) if trigger_of(call["run"]) is Trigger.BACKFILL])

    assert installation.ask(lambda service: service.backfills.cancel(backfill.id, "anna"))
    started = installation.ask(lambda service: service.backfills.get(backfill.id)).started

    assert not installation.ask(lambda service: service.backfills.cancel(backfill.id, "anna"))
    eventually(lambda: all(record.state is State.SUCCESS for record in made(installation, job)))
    installation.wait(job, lambda found: found["status"]["active"] == 0)
    records = made(installation, job)
    assert len(records) == started < 50
    assert over(installation, backfill).state == "cancelled"
    assert refusal(installation, lambda service: service.backfills.cancel("no-such", "anna")).why is Why.GONE


def test_runs_of_a_forbidding_job_wait_instead_of_being_lost(installation: Installation) -> None:
    job = applied(
        installation, "forbidding", schedule="* * * * *", concurrencyPolicy="Forbid", payload={"seconds": 0.2}
    )
    uid = job["metadata"]["uid"]
    manual = installation.ask(lambda service: service.runs.run_now(uid, "k", payload={"seconds": 3})).run
    begin, end = past(3)

    done = over(installation, begun(installation, job, begin, end, concurrent=3))

    assert (done.started, done.succeeded) == (3, 3)
    spans = installation.spans(job)
    assert manual in {span["run"] for span in spans}
    assert most_at_once(spans) == 1
    assert [record.nominal for record in made(installation, job)] == list(range(begin, end + 1, MINUTE))
    # the minute may have come meanwhile; nothing of the backfill is counted as skipped
    assert installation.objects.get(job)["status"]["skipped"].get("Overlap", 0) <= 1


def test_a_suspended_job_is_backfilled_all_the_same(installation: Installation) -> None:
    job = applied(installation, "suspended", schedule=SECONDLY, suspend=True)
    begin, end = past(3, 1_000)

    done = over(installation, begun(installation, job, begin, end))

    assert (done.started, done.succeeded) == (3, 3)
    assert {record.trigger for record in installation.records(job)} == {Trigger.BACKFILL}


def test_what_cannot_be_filled_is_refused_with_what_to_write(installation: Installation) -> None:
    job = applied(installation, "choosy", schedule=SECONDLY)
    asked = applied(installation, "on-demand")
    uid, begin, end = job["metadata"]["uid"], *past(10, 1_000)

    said = {
        "ahead": refusal(installation, lambda service: service.backfills.preview(uid, begin, now() + MINUTE)),
        "reversed": refusal(installation, lambda service: service.backfills.preview(uid, end, begin)),
        "many": refusal(installation, lambda service: service.backfills.start(uid, "k", begin, end, max_runs=9)),
        "pace": refusal(installation, lambda service: service.backfills.start(uid, "k", begin, end, concurrent=0)),
        "nothing": refusal(installation, lambda service: service.backfills.start(uid, "k", begin + 1, begin + 2)),
    }
    demand = refusal(installation, lambda service: service.backfills.preview(asked["metadata"]["uid"], begin, end))

    assert {each.why for each in said.values()} == {Why.INVALID}
    assert "lies ahead" in str(said["ahead"])
    assert "is earlier than from" in str(said["reversed"])
    assert "more than 9 runs were due" in str(said["many"])
    assert "write a number from 1 to" in str(said["pace"])
    assert "nothing was due" in str(said["nothing"])
    assert (demand.why, "run it now instead" in str(demand)) == (Why.CONFLICT, True)
    assert made(installation, job) == []
