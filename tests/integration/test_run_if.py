"""Conditions: a due run starts only if its job's expression holds."""

from integration.installation import Installation
from integration.objects import condition, scheduled
from kronstream.domain.run import State, Trigger

FAILS = {"payload": {"failures": 9}, "retry": {"limit": 0}, "every": "1s", "concurrencyPolicy": "Forbid"}


def test_a_failure_holds_the_schedule_up_until_a_run_succeeds(installation: Installation) -> None:
    spec = {"runIf": 'last.status != "failed"', **FAILS}
    (job,) = installation.apply(scheduled("careful", function="probe:flaky", **spec))

    job = installation.wait(job, lambda found: found["status"]["skipped"].get("Condition", 0) >= 2, within=15)

    (record,) = installation.records(job)
    assert (record.state, record.trigger) == (State.FAILED, Trigger.SCHEDULE)
    assert job["status"]["runs"]["skipped"] == sum(job["status"]["skipped"].values())
    assert "nextRunTime" in job["status"]
    told = condition(job, "Ready")
    assert (told["status"], told["reason"]) == ("True", "Scheduled")
    assert 'runIf is false: last.status != "failed" (last.status is "failed")' in told["message"]

    uid = job["metadata"]["uid"]
    # a run that is asked for does not ask the condition
    installation.ask(lambda service: service.runs.run_now(uid, "k", payload={"failures": 0}))
    job = installation.wait(job, lambda found: found["status"]["runs"]["failed"] >= 2, within=15)

    triggers = [record.trigger for record in installation.records(job)]
    assert triggers == [Trigger.SCHEDULE, Trigger.MANUAL, Trigger.SCHEDULE]
    assert set(job["status"]["skipped"]) <= {"Condition", "Overlap"}


def test_a_condition_on_the_instant_and_the_job(installation: Installation) -> None:
    never, always = installation.apply(
        scheduled("never", every="1s", runIf="run.year < 2000"),
        scheduled("always", every="1s", runIf='job.name == "always" && run.trigger == "schedule"'),
    )

    never = installation.wait(never, lambda found: found["status"]["skipped"].get("Condition", 0) >= 2, within=15)
    always = installation.wait(always, lambda found: found["status"]["runs"]["succeeded"] >= 2, within=15)

    assert installation.records(never) == []
    assert never["status"]["runs"]["total"] == 0
    assert always["status"]["skipped"] == {}
    assert "runIf" not in condition(always, "Ready")["message"]


def test_a_broken_condition_stalls_the_job_and_names_what_is_wrong(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("misspelt", every="1s", runIf='last.state != "failed"'))

    job = installation.wait(job, lambda found: condition(found, "Stalled").get("status") == "True")

    told = condition(job, "Stalled")
    assert told["reason"] == "InvalidSpec"
    assert "spec.runIf" in told["message"]
    assert "write last.status" in told["message"]
    assert "nextRunTime" not in job["status"]

    job = installation.objects.patch(job, runIf='last.status != "failed"')
    job = installation.wait(job, lambda found: found["status"]["runs"]["succeeded"] >= 1, within=15)
    assert condition(job, "Stalled")["status"] == "False"
