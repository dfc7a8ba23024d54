"""Specs that only the operator can judge: said in the status, harmless to others, mended by the next apply."""

from typing import Any

import pytest

from eventually import eventually
from integration.installation import Installation
from integration.objects import Object, RefusedError, condition, ready, scheduled
from integration.timeline import gaps, now, parse

HALF = "x" * 40_000
FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "minute": ({"schedule": "61 * * * *"}, "spec.schedule", "61"),
    "word": ({"schedule": "* * * * blursday"}, "spec.schedule", "blursday"),
    "blank": ({"schedule": "0 22, 10 * * *"}, "spec.schedule", "write '22,10'"),
    "zone": ({"schedule": "@daily", "timeZone": "Mars/Olympus"}, "spec.timeZone", "Mars/Olympus"),
    "day": ({"runAt": "2026-02-30T00:00:00Z"}, "spec.runAt", "2026-02-30"),
    "halves": ({"every": "1s", "payload": {"a": HALF, "b": HALF}}, "spec.payload", "65536"),
}


def stalled(job: Object) -> bool:
    """Whether the operator says that it cannot use this generation."""
    told = condition(job, "Stalled")
    return told.get("status") == "True" and told["observedGeneration"] == job["metadata"]["generation"]


def test_each_fault_is_told_and_no_other_job_suffers(installation: Installation) -> None:
    (witness,) = installation.apply(scheduled("witness", every="1s", queue="nobody"))
    jobs = {name: installation.apply(scheduled(f"bad-{name}", **spec))[0] for name, (spec, _, _) in FAULTS.items()}

    for name, job in jobs.items():
        _, field, word = FAULTS[name]
        told = installation.wait(job, stalled, within=20)
        for kind, value in (("Stalled", "True"), ("Ready", "False")):
            assert (condition(told, kind)["status"], condition(told, kind)["reason"]) == (value, "InvalidSpec")
            assert field in condition(told, kind)["message"]
        assert word in condition(told, "Stalled")["message"]
        assert "nextRunTime" not in told["status"]
        assert told["status"]["upcoming"] == []
        (event,) = eventually(lambda job=job: installation.objects.events(job), within=20)
        assert (event["type"], event["reason"]) == ("Warning", "InvalidSpec")
        assert field in event["message"]

    begin = len(installation.entries(witness, "nobody"))
    eventually(lambda: len(installation.entries(witness, "nobody")) >= begin + 3, within=20)
    assert gaps([nominal for nominal, _ in installation.entries(witness, "nobody")], 1_000) == []
    for job in jobs.values():
        assert installation.records(job) == []
        assert len(installation.objects.events(job)) == 1


def test_the_next_apply_mends_it(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("mended", schedule="61 * * * *"))
    installation.wait(job, stalled)

    changed = installation.objects.patch(job, schedule=None, every="1s")
    job = installation.wait(changed, ready, within=20)

    assert condition(job, "Stalled")["status"] == "False"
    assert condition(job, "Stalled")["message"] == ""
    installation.wait(job, lambda found: found["status"]["runs"]["succeeded"] >= 2)


def test_a_good_job_that_is_broken_runs_no_more_and_goes_on_where_it_is_mended(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("broken", every="1s", queue="nobody"))
    eventually(lambda: len(installation.entries(job, "nobody")) >= 2, within=20)

    broken = installation.objects.patch(job, payload={"a": HALF, "b": HALF})
    installation.wait(broken, stalled)
    held = now()
    eventually(lambda: now() > held + 3_000)
    during = [nominal for nominal, _ in installation.entries(job, "nobody") if nominal > held]
    mended = installation.objects.patch(job, payload=None)
    resumed = now()
    mended = installation.wait(mended, ready)
    eventually(lambda: installation.entries(job, "nobody")[-1][0] > resumed + 1_000, within=20)

    assert during == []
    missing = gaps([nominal for nominal, _ in installation.entries(job, "nobody")], 1_000)
    assert mended["status"]["skipped"] == {"Invalid": len(missing)}


def test_what_the_schema_can_judge_is_refused_and_changes_nothing(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("kept", every="1h"))
    installation.wait(job, ready)

    with pytest.raises(RefusedError, match=r"spec\.every"):
        installation.objects.patch(job, every="-5s")

    assert installation.objects.get(job)["metadata"]["generation"] == 1
    assert parse(installation.objects.get(job)["status"]["nextRunTime"]) > now()
