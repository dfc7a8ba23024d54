"""Jobs that end after so many runs, or successes."""

from integration.installation import Installation
from integration.objects import condition, scheduled
from integration.timeline import at, gaps, now, until

QUICK = {"every": "1s", "history": {"successful": 100, "failed": 100}}


def test_a_job_ends_after_its_runs_and_goes_on_when_it_gets_more(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("two-runs", function="probe:note", endAfter={"runs": 2}, **QUICK))

    job = installation.wait(job, lambda found: "completionTime" in found["status"], within=15)
    assert condition(job, "Ready")["reason"] == "Completed"
    assert condition(job, "Ready")["status"] == "True"
    assert "nextRunTime" not in job["status"]
    assert job["status"]["upcoming"] == []
    assert job["status"]["runs"]["total"] == 2
    assert at(job, "completionTime") == at(job, "lastSuccessTime")
    until(now() + 2_500)
    raised = now()
    job = installation.objects.patch(job, endAfter={"runs": 4})

    job = installation.wait(job, lambda found: found["status"]["runs"]["total"] == 4, within=15)
    job = installation.wait(job, lambda found: "completionTime" in found["status"])
    nominals = [record.nominal for record in installation.records(job)]
    assert len(nominals) == 4
    assert min(nominals[2:]) >= raised - 200
    assert len(gaps(nominals, 1_000)) >= 2
    assert gaps(nominals[:2], 1_000) == gaps(nominals[2:], 1_000) == []
    assert job["status"]["skipped"] == {}


def test_a_job_ends_after_its_successes_whatever_failed_before(installation: Installation) -> None:
    # one at a time: a second that goes on when the first succeeds would be one more
    spec = {"endAfter": {"successes": 1}, "retry": {"limit": 0}, "concurrencyPolicy": "Forbid", **QUICK}
    (job,) = installation.apply(scheduled("one-success", function="probe:raise", **spec))
    installation.wait(job, lambda found: found["status"]["runs"]["failed"] >= 2, within=15)

    job = installation.objects.patch(job, handler={"function": {"name": "probe:note"}})

    job = installation.wait(job, lambda found: "completionTime" in found["status"], within=15)
    assert job["status"]["runs"]["succeeded"] == 1
    assert condition(job, "Ready")["reason"] == "Completed"
    assert len(installation.seen(job)) == 1


def test_runs_that_go_on_are_waited_for(installation: Installation) -> None:
    spec = {"every": "1s", "endAfter": {"runs": 1}, "payload": {"seconds": 6}}
    (job,) = installation.apply(scheduled("long", function="probe:span", **spec))

    job = installation.wait(job, lambda found: condition(found, "Ready")["reason"] == "Ending", within=15)
    assert "completionTime" not in job["status"]
    assert "nextRunTime" not in job["status"]

    job = installation.wait(job, lambda found: "completionTime" in found["status"], within=30)
    (span,) = installation.spans(job)
    assert at(job, "completionTime") >= span["end"]
