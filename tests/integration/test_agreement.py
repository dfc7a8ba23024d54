"""Records, status and what the handlers saw tell the same story."""

from integration.installation import Installation
from integration.objects import Object, scheduled
from integration.timeline import at, gaps
from kronstream.domain.run import State

KEPT = {"history": {"successful": 1_000, "failed": 1_000}}
QUICK = {"limit": 3, "backoff": {"initial": "0s"}}


def settled(installation: Installation, job: Object, runs: int) -> Object:
    """The job after so many runs, held, with none of them left unfinished."""
    job = installation.wait(job, lambda found: found["status"]["runs"]["total"] >= runs, within=20)
    job = installation.objects.patch(job, suspend=True)
    generation = job["metadata"]["generation"]

    def quiet(found: Object) -> bool:
        status = found["status"]
        return status["observedGeneration"] == generation and status["active"] == 0 and "nextRunTime" not in status

    return installation.wait(job, quiet)


def test_of_runs_that_succeed(installation: Installation) -> None:
    jobs = installation.apply(
        *(scheduled(f"good-{number}", function="probe:note", every="1s", payload=number, **KEPT) for number in range(4))
    )
    for number, applied in enumerate(jobs):
        job = settled(installation, applied, runs=5)
        status, records = job["status"], installation.records(job)
        # handlers of two workers may overtake each other
        seen = sorted(installation.seen(job), key=lambda call: call["nominal"])

        assert [call["run"] for call in seen] == [record.id for record in records]
        assert [call["nominal"] for call in seen] == [record.nominal for record in records]
        assert gaps([call["nominal"] for call in seen], 1_000) == []
        assert {record.state for record in records} == {State.SUCCESS}
        assert {record.result for record in records} == {number}
        assert all(record.attempt == 1 for record in records)
        assert status["runs"] == {
            "total": len(records), "succeeded": len(records), "failed": 0, "cancelled": 0, "dead": 0, "skipped": 0,
        }  # fmt: skip
        last = {record.id: record for record in records}[status["lastRun"]["id"]]
        assert last.finished == max(record.finished or 0 for record in records)
        assert status["lastRun"]["durationMs"] == last.duration
        assert at(job, "lastScheduleTime") == records[-1].nominal
        assert at(job, "lastSuccessTime") == last.finished
        assert at(job, "lastFailureTime") is None
        assert status["averageDurationMs"] == round(sum(record.duration or 0 for record in records) / len(records))
        assert status["unfinished"] == []


def test_of_runs_that_are_retried(installation: Installation) -> None:
    flaky = {"function": "probe:flaky", "every": "1s", "retry": QUICK, **KEPT}
    mended, broken = installation.apply(
        scheduled("mended", **flaky, payload={"failures": 2}), scheduled("broken", **flaky, payload={"failures": 9})
    )

    job = settled(installation, mended, runs=3)
    records, seen = installation.records(job), installation.seen(job)
    assert sorted((call["run"], call["attempt"]) for call in seen) == sorted(
        (record.id, attempt) for record in records for attempt in (1, 2, 3)
    )
    assert {(record.state, record.attempt) for record in records} == {(State.SUCCESS, 3)}
    assert (job["status"]["runs"]["succeeded"], job["status"]["consecutiveFailures"]) == (len(records), 0)

    job = settled(installation, broken, runs=3)
    records, seen = installation.records(job), installation.seen(job)
    assert len(seen) == 4 * len(records)
    assert {(record.state, record.attempt, record.reason) for record in records} == {(State.FAILED, 4, "error")}
    assert {(record.error or {})["message"] for record in records} == {"attempt 4 hung up"}
    assert (job["status"]["runs"]["failed"], job["status"]["consecutiveFailures"]) == (len(records), len(records))
    assert "attempt 4 hung up" in job["status"]["lastRun"]["message"]


def test_of_handlers_that_are_plain_functions(installation: Installation) -> None:
    (applied,) = installation.apply(scheduled("plain", function="probe:sync", every="1s", payload={"a": [1]}, **KEPT))

    job = settled(installation, applied, runs=3)

    records, seen = installation.records(job), installation.seen(job)
    assert sorted(call["run"] for call in seen) == sorted(record.id for record in records)
    assert {record.state for record in records} == {State.SUCCESS}
    assert all(record.result == {"a": [1]} for record in records)
    assert {record.output.strip() for record in records} == {"said by the handler"}


def test_history_keeps_as_many_as_the_spec_says(installation: Installation) -> None:
    (applied,) = installation.apply(scheduled("short", every="1s", history={"successful": 2}))

    job = settled(installation, applied, runs=5)

    assert job["status"]["runs"]["succeeded"] >= 5
    assert len(installation.records(job)) == 2
