"""Single runs: asked for with another payload, done again, cancelled, skipped."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from eventually import eventually
from integration.installation import Installation
from integration.objects import Object, condition, ready, scheduled
from integration.service import Service
from integration.timeline import at, parse, render, until
from kronstream.domain.run import State, Trigger, run_id
from kronstream.operations import Refused
from kronstream.operations.refused import Why
from kronstream.ports import Change, Execution

QUEUE = "nobody"
OWN = {"city": "Bern", "deep": {"a": 1, "b": 2}}


def applied(installation: Installation, name: str, /, **spec: Any) -> Object:
    """A job that is in force."""
    (job,) = installation.apply(scheduled(name, **spec))
    return installation.wait(job, ready)


def ended(installation: Installation, job: Object, run: str, within: float = 10) -> Execution:
    """The record of a run once it is over."""

    def found() -> Execution | None:
        return next((each for each in installation.records(job) if each.id == run and each.state.terminal), None)

    record = eventually(found, within)
    assert record is not None
    return record


def refusal(installation: Installation, question: Callable[[Service], Awaitable[Any]]) -> Refused:
    """What is said to a question that is refused."""
    with pytest.raises(Refused) as caught:
        installation.ask(question)
    return caught.value


def test_a_run_is_asked_for_with_another_payload(installation: Installation) -> None:
    job = applied(installation, "other-payload", payload=OWN)
    uid = job["metadata"]["uid"]

    async def three(service: Service) -> list[str]:
        own = await service.runs.run_now(uid, "own", by="anna", trace="t-1")
        instead = await service.runs.run_now(uid, "instead", payload=[1, None])
        merged = await service.runs.run_now(uid, "merged", payload={"city": None, "deep": {"b": 3}}, merge=True)
        return [own.run, instead.run, merged.run]

    own, instead, merged = (ended(installation, job, run) for run in installation.ask(three))

    assert [own.result, instead.result, merged.result] == [OWN, [1, None], {"deep": {"a": 1, "b": 3}}]
    assert (own.trigger, own.requested_by, own.trace) == (Trigger.MANUAL, "anna", "t-1")
    assert {own.state, instead.state, merged.state} == {State.SUCCESS}
    assert installation.objects.get(job)["spec"]["payload"] == OWN


def test_a_held_job_runs_when_it_is_asked_to(installation: Installation) -> None:
    job = applied(installation, "held", every="1s", suspend=True)
    uid = job["metadata"]["uid"]
    installation.ask(lambda service: service.pausing.pause(uid, "anna"))

    run = installation.ask(lambda service: service.runs.run_now(uid, "k")).run

    assert ended(installation, job, run).state is State.SUCCESS
    assert {record.id for record in installation.records(job)} == {run}


def test_the_same_key_asks_for_one_run(installation: Installation) -> None:
    job = applied(installation, "one-key", function="probe:note")
    uid = job["metadata"]["uid"]

    first = installation.ask(lambda service: service.runs.run_now(uid, "key"))
    again = installation.ask(lambda service: service.runs.run_now(uid, "key"))
    ended(installation, job, first.run)
    late = installation.ask(lambda service: service.runs.run_now(uid, "key"))

    assert (first.known, again.known, late.known) == (False, True, True)
    assert {first.run, again.run, late.run} == {first.run}
    assert len(installation.seen(job)) == 1


def test_what_cannot_be_asked_for_is_refused_with_what_to_write(installation: Installation) -> None:
    job = applied(installation, "picky")
    uid = job["metadata"]["uid"]

    large = refusal(installation, lambda service: service.runs.run_now(uid, "l", payload="x" * 70_000))
    gone = refusal(installation, lambda service: service.runs.run_now("no-such-uid", "g"))
    never = refusal(installation, lambda service: service.runs.skip_next(uid))

    assert (large.why, gone.why, never.why) == (Why.INVALID, Why.GONE, Why.CONFLICT)
    assert "65536 are allowed" in str(large)
    assert "nothing is due next" in str(never)
    assert installation.records(job) == []


def test_an_ended_run_is_done_again(installation: Installation) -> None:
    job = applied(installation, "again", function="probe:flaky", payload={"failures": 9}, retry={"limit": 0})
    uid = job["metadata"]["uid"]
    plain = installation.ask(lambda service: service.runs.run_now(uid, "plain")).run
    owner = installation.ask(lambda service: service.runs.run_now(uid, "owner", payload={"failures": 1})).run
    assert {ended(installation, job, run).state for run in (plain, owner)} == {State.FAILED}

    job = installation.objects.patch(job, payload={"failures": 0})
    job = installation.wait(job, ready)
    redone = installation.ask(lambda service: service.runs.retry(plain, "k", by="ben"))
    known = installation.ask(lambda service: service.runs.retry(plain, "k", by="ben"))
    kept = installation.ask(lambda service: service.runs.retry(owner, "k"))

    assert (known.run, known.known) == (redone.run, True)
    record, former = ended(installation, job, redone.run), ended(installation, job, plain)
    assert record.state is State.SUCCESS, "by the job as it is now"
    assert (record.trigger, record.retry_of, record.requested_by) == (Trigger.RETRY, plain, "ben")
    assert (record.nominal, record.generation) == (former.nominal, 2)
    record = ended(installation, job, kept.run)
    assert (record.state, record.payload) == (State.FAILED, '{"failures":1}'), "a payload of its own is kept"
    lost = refusal(installation, lambda service: service.runs.retry("no-such-run", "k"))
    assert lost.why is Why.GONE


def test_a_run_that_is_not_over_is_cancelled_and_only_then_done_again(installation: Installation) -> None:
    job = applied(installation, "stop", function="probe:span", payload={"seconds": 60})
    run = installation.ask(lambda service: service.runs.run_now(job["metadata"]["uid"], "k")).run
    eventually(lambda: installation.seen(job))

    busy = refusal(installation, lambda service: service.runs.retry(run, "k"))
    (asked,) = installation.ask(lambda service: service.runs.cancel([run], "anna"))

    record = ended(installation, job, run)
    (over,) = installation.ask(lambda service: service.runs.cancel([run], "anna"))
    assert (asked, over) == (Change.ASKED, Change.OVER)
    assert busy.why is Why.CONFLICT
    assert "not over (running)" in str(busy)
    assert (record.state, record.reason) == (State.CANCELLED, "requested")
    (span,) = eventually(lambda: installation.spans(job))
    assert span["how"] == "cancelled", "the handler saw it"
    told = installation.wait(job, lambda found: found["status"]["runs"]["cancelled"] == 1)
    assert told["status"]["lastRun"]["status"] == "cancelled"
    assert told["status"]["lastRun"]["message"] == "cancelled because somebody asked for it"
    assert told["status"]["consecutiveFailures"] == 0


def test_a_run_that_waits_for_a_worker_is_cancelled_at_once(installation: Installation) -> None:
    job = applied(installation, "never-began", queue=QUEUE)
    run = installation.ask(lambda service: service.runs.run_now(job["metadata"]["uid"], "k")).run
    assert len(installation.entries(job, QUEUE)) == 1

    answers = installation.ask(lambda service: service.runs.cancel([run, "no-such-run"], "anna"))

    assert answers == [Change.OK, Change.GONE]
    assert installation.entries(job, QUEUE) == []
    record = ended(installation, job, run)
    assert (record.state, record.reason, record.started) == (State.CANCELLED, "requested", None)
    installation.wait(job, lambda found: found["status"]["active"] == 0)


def test_the_next_run_is_skipped_and_the_one_after_comes(installation: Installation) -> None:
    job = applied(installation, "skip", every="6s", queue=QUEUE)
    uid = job["metadata"]["uid"]

    (instant,) = installation.ask(lambda service: service.runs.skip_next(uid))
    again = installation.ask(lambda service: service.runs.skip_next(uid))
    told = installation.wait(job, lambda found: found["status"].get("skipNext") == [render(instant)])

    assert again == (instant,)
    assert at(told, "nextRunTime") == instant + 6_000
    assert render(instant) not in told["status"]["upcoming"]
    until(instant)
    told = installation.wait(job, lambda found: found["status"]["skipped"].get("Requested") == 1, within=15)
    assert "skipNext" not in told["status"]
    entries = eventually(lambda: [nominal for nominal, _ in installation.entries(job, QUEUE) if nominal > instant])
    assert entries[0] == instant + 6_000
    assert run_id(uid, Trigger.SCHEDULE, str(instant)) not in {record.id for record in installation.records(job)}


def test_a_skip_is_taken_back(installation: Installation) -> None:
    job = applied(installation, "spare", every="1h")
    uid = job["metadata"]["uid"]
    first = at(job, "nextRunTime")

    skipped = installation.ask(lambda service: service.runs.skip_next(uid, 2))
    told = installation.wait(job, lambda found: len(found["status"].get("skipNext", ())) == 2)
    assert (skipped[0], at(told, "nextRunTime")) == (first, first + 2 * 3_600_000)
    assert [parse(text) for text in told["status"]["skipNext"]] == list(skipped)

    assert installation.ask(lambda service: service.runs.take_back(uid, skipped))
    told = installation.wait(job, lambda found: "skipNext" not in found["status"])
    assert at(told, "nextRunTime") == first
    assert not installation.ask(lambda service: service.runs.take_back(uid, skipped))


def test_the_only_run_of_a_one_time_job_is_skipped(installation: Installation) -> None:
    job = applied(installation, "only", runAt="2038-01-19T03:14:07Z")

    installation.ask(lambda service: service.runs.skip_next(job["metadata"]["uid"]))

    told = installation.wait(job, lambda found: "skipNext" in found["status"])
    assert "nextRunTime" not in told["status"]
    assert condition(told, "Ready")["reason"] == "NoNextRun"
