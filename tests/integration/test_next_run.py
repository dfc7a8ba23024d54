"""What the status says about a job that was just applied or edited."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from eventually import eventually
from integration.installation import Installation
from integration.objects import Object, condition, ready, scheduled
from integration.timeline import at, now, parse, render

ZONE = "America/New_York"
TRIALS = 3  # of what is to be quick, on a machine that may be busy with something else
FORMS = {
    "schedule": {"schedule": "30 8 * * *", "timeZone": ZONE},
    "every": {"every": "90s"},
    "run-at": {"runAt": "2038-01-19T03:14:07Z"},
}


def expected(job: Object) -> list[int]:
    """The next instants of the three forms above, by other means than the operator's."""
    if "runAt" in job["spec"]:
        return [parse(job["spec"]["runAt"])]
    created = parse(job["metadata"]["creationTimestamp"])
    if "every" in job["spec"]:
        return [created + 90_000 * number for number in range(1, 6)]
    local = datetime.fromtimestamp(created / 1000, ZoneInfo(ZONE))
    days = [local.replace(hour=8, minute=30, second=0) + timedelta(days=number) for number in range(7)]
    return [int(day.astimezone(UTC).timestamp() * 1000) for day in days if day > local][:5]


@pytest.mark.parametrize("form", FORMS)
def test_the_next_run_is_in_the_status_within_a_second(form: str, installation: Installation) -> None:
    took = []
    for trial in range(TRIALS):
        begin = time.monotonic()
        (job,) = installation.apply(scheduled(f"next-{form}-{trial}", **FORMS[form]))
        versions = installation.objects.watch(job, seconds=30)
        told = next(version for version in versions if "nextRunTime" in version["status"])
        took.append(time.monotonic() - begin)
        assert told["status"]["upcoming"] == [render(instant) for instant in expected(job)]
        assert told["status"]["nextRunTime"] == told["status"]["upcoming"][0]
        assert told["status"]["observedGeneration"] == 1
        if took[-1] < 1.0:
            break
    assert took[-1] < 1.0, took


def test_a_hundred_jobs_applied_together_have_theirs_within_a_second_of_the_last(installation: Installation) -> None:
    took = []
    for trial in range(TRIALS):
        installation.apply(*(scheduled(f"many-{trial}-{number}", every="1h") for number in range(100)))
        begin = time.monotonic()
        eventually(lambda: all("nextRunTime" in job["status"] for job in installation.objects.all()), within=15)
        took.append(time.monotonic() - begin)
        if took[-1] < 1.0:
            break
    assert took[-1] < 1.0, took


def test_an_edit_of_a_busy_job_is_in_the_status_within_a_second(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("busy", every="1s"))
    job = installation.wait(job, lambda found: found["status"]["runs"]["succeeded"] >= 2)
    took = []
    for every in ("1h", "1s", "2h", "3h", "1s"):
        begin = time.monotonic()
        edited = installation.objects.patch(job, every=every)
        installation.wait(edited, ready)
        took.append(time.monotonic() - begin)
    assert sorted(took)[len(took) // 2] < 1.0, took


def test_a_job_is_ready_and_not_stalled(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("sound", every="1h"))
    job = installation.wait(job, ready)

    stalled, told = condition(job, "Stalled"), condition(job, "Ready")
    assert (stalled["status"], stalled["reason"]) == ("False", "SpecAccepted")
    assert told["reason"] == "Scheduled"
    assert told["observedGeneration"] == job["metadata"]["generation"]
    assert condition(job, "LastRunSucceeded")["status"] == "Unknown"
    created = parse(job["metadata"]["creationTimestamp"])
    assert created - 1_000 <= parse(told["lastTransitionTime"]) <= now() + 1_000
    assert job["status"]["runs"]["total"] == 0


def test_the_time_of_a_transition_stays_while_nothing_changes(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("steady", every="1s"))
    first = installation.wait(job, lambda found: found["status"]["runs"]["succeeded"] >= 1)
    later = installation.wait(job, lambda found: found["status"]["runs"]["succeeded"] >= 3)

    for kind in ("Ready", "Stalled"):
        assert condition(first, kind)["lastTransitionTime"] == condition(later, kind)["lastTransitionTime"]


def test_whether_a_worker_offers_the_handler_is_told(installation: Installation) -> None:
    offered, missing = installation.apply(
        scheduled("offered", every="1h"), scheduled("missing", function="reports:none", every="1h")
    )

    installation.wait(offered, lambda found: condition(found, "HandlerAvailable").get("status") == "True")
    told = installation.wait(missing, lambda found: condition(found, "HandlerAvailable").get("status") == "False")
    assert "no live worker of queue default offers reports:none" in condition(told, "HandlerAvailable")["message"]


def test_conditions_of_others_are_kept(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("shared", every="1s"))
    job = installation.wait(job, ready)
    foreign = {
        "type": "example.com/Reviewed", "status": "True", "reason": "ByHand", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    installation.plane.kubectl(
        "patch", "sched", "shared", "--subresource=status", "--type=json",
        "-p", f'[{{"op": "add", "path": "/status/conditions/-", "value": {str(foreign).replace(chr(39), chr(34))}}}]',
    )  # fmt: skip
    before = installation.objects.get(job)["status"]["runs"]["succeeded"]

    later = installation.wait(job, lambda found: found["status"]["runs"]["succeeded"] >= before + 2)

    assert condition(later, "example.com/Reviewed")["reason"] == "ByHand"


def test_a_suspended_job_has_no_next_run(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("held", every="1h", suspend=True))
    job = installation.wait(job, ready)

    assert condition(job, "Ready")["reason"] == "Suspended"
    assert at(job, "nextRunTime") is None
    assert job["status"]["upcoming"] == []
