"""Jobs with runAt: once, late if need be, and over after that."""

from eventually import eventually
from integration.installation import Installation
from integration.objects import Object, RefusedError, condition, ready, scheduled
from integration.timeline import at, now, parse, render
from kronstream.domain.run import State


def over(job: Object) -> bool:
    return "completionTime" in job["status"]


def test_it_runs_once_at_its_instant(installation: Installation) -> None:
    instant = now() + 6_000
    (job,) = installation.apply(scheduled("soon", function="probe:note", runAt=render(instant), payload="x"))
    waiting = installation.wait(job, ready)
    assert at(waiting, "nextRunTime") == instant

    job = installation.wait(job, over, within=20)

    (record,) = installation.records(job)
    (call,) = installation.seen(job)
    assert (record.nominal, record.state, record.result) == (instant, State.SUCCESS, "x")
    assert call["run"] == record.id
    assert 0 <= call["at"] - instant + 50 < 5_000
    assert at(job, "completionTime") == record.finished
    assert condition(job, "Ready")["reason"] == "Completed"
    assert "nextRunTime" not in job["status"]
    assert job["status"]["runs"]["total"] == 1


def test_one_that_was_due_shortly_before_its_creation_runs_late(installation: Installation) -> None:
    instant = now() - 30_000
    (job,) = installation.apply(scheduled("late", function="probe:note", runAt=render(instant)))

    job = installation.wait(job, over, within=5)

    assert [record.nominal for record in installation.records(job)] == [instant]
    assert len(installation.seen(job)) == 1
    assert job["status"]["runs"]["succeeded"] == 1


def test_one_that_was_due_long_before_its_creation_expires(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("past", function="probe:note", runAt=render(now() - 300_000)))

    job = installation.wait(job, over, within=5)

    assert condition(job, "Ready")["reason"] == "Expired"
    assert job["status"]["skipped"] == {"Expired": 1}
    assert installation.records(job) == []
    assert installation.seen(job) == []


def test_a_starting_deadline_forbids_a_late_start(installation: Installation) -> None:
    late = scheduled("too-late", function="probe:note", runAt=render(now() - 30_000), startingDeadline="10s")
    (job,) = installation.apply(late)

    job = installation.wait(job, over, within=5)

    assert job["status"]["skipped"] == {"Deadline": 1}
    assert installation.records(job) == []
    assert installation.seen(job) == []


def test_an_edit_into_the_past_completes_without_a_run(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("moved", function="probe:note", runAt="2038-01-19T03:14:07Z"))
    installation.wait(job, ready)

    changed = installation.objects.patch(job, runAt=render(now() - 2_000))
    job = installation.wait(changed, lambda found: over(found) and ready(found), within=5)

    assert job["status"]["runs"]["total"] == 0
    assert installation.records(job) == []
    assert installation.seen(job) == []


def test_an_edit_after_its_run_does_not_run_it_again(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("again", function="probe:note", runAt=render(now() + 500)))
    installation.wait(job, over)

    changed = installation.objects.patch(job, runAt=render(now() + 1_000), payload="changed")
    job = installation.wait(changed, ready)

    assert over(job)
    assert "nextRunTime" not in job["status"]
    assert len(installation.records(job)) == 1


def test_a_failed_one_is_over_after_its_last_attempt(installation: Installation) -> None:
    retry = {"limit": 1, "backoff": {"initial": "5s", "jitter": 0}}
    (job,) = installation.apply(scheduled("fails", function="probe:raise", runAt=render(now()), retry=retry))
    eventually(lambda: [r.state for r in installation.records(job)] == [State.RETRYING])
    assert "completionTime" not in installation.objects.get(job).get("status", {})

    job = installation.wait(job, over, within=20)

    (record,) = installation.records(job)
    assert (record.state, record.attempt) == (State.FAILED, 2)
    assert at(job, "completionTime") == record.finished == parse(job["status"]["lastFailureTime"])


def gone(installation: Installation, job: Object) -> bool:
    try:
        return installation.objects.get(job)["metadata"]["uid"] != job["metadata"]["uid"]
    except RefusedError as refused:
        return refused.status == 404


def test_it_is_deleted_when_its_ttl_is_over_and_its_record_stays(installation: Installation) -> None:
    soon = {"function": "probe:note", "runAt": render(now() + 300)}
    job, kept = installation.apply(scheduled("brief", ttlAfterFinished="5s", **soon), scheduled("kept", **soon))
    job = installation.wait(job, over)
    finished = at(job, "completionTime")

    eventually(lambda: gone(installation, job), within=20)

    assert now() - finished >= 5_000
    (record,) = installation.records(job)
    assert record.state is State.SUCCESS
    assert installation.wait(kept, over)["metadata"]["uid"] == kept["metadata"]["uid"]


def test_one_that_failed_or_expired_is_deleted_as_well(installation: Installation) -> None:
    ttl = {"ttlAfterFinished": "1s", "retry": {"limit": 0}}
    jobs = installation.apply(
        scheduled("failing", function="probe:raise", runAt=render(now()), **ttl),
        scheduled("expired", function="probe:note", runAt=render(now() - 300_000), **ttl),
    )

    eventually(lambda: all(gone(installation, job) for job in jobs), within=10)


def test_a_run_that_is_retried_puts_the_deletion_off(installation: Installation) -> None:
    runs = {"function": "probe:sleep", "payload": {"seconds": 6.0}, "timeout": "30s"}
    (job,) = installation.apply(scheduled("retried", runAt=render(now()), ttlAfterFinished="5s", **runs))
    job = installation.wait(job, over, within=20)
    (first,) = installation.records(job)

    again = installation.ask(lambda service: service.runs.retry(first.id, "k"))
    eventually(lambda: {r.id: r.state for r in installation.records(job)}.get(again.run) is State.SUCCESS, within=20)
    ended = now()
    assert not gone(installation, job)
    eventually(lambda: gone(installation, job), within=20)

    records = {record.id: record for record in installation.records(job)}
    assert records[again.run].finished is not None
    assert ended - 5_000 < (records[again.run].finished or 0)
    assert now() - (records[again.run].finished or 0) >= 5_000
