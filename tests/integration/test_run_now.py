"""The annotation `kronstream.dev/run-now`, which asks for a run with kubectl alone and is never touched."""

import json
from typing import Any

from eventually import eventually
from integration.installation import Installation
from integration.objects import Object, condition, scheduled
from kronstream.domain.run import Trigger

RUN_NOW = "kronstream.dev/run-now"
BY_KUBECTL = "kubectl.kubernetes.io/last-applied-configuration"


def annotated(name: str, value: str, /, **spec: Any) -> Object:
    """A job to apply that asks for a run."""
    job = scheduled(name, function="probe:note", **spec)
    job["metadata"]["annotations"] = {RUN_NOW: value}
    return job


def apply(installation: Installation, job: Object) -> Object:
    """Applies as a person does; the object."""
    installation.apply()
    installation.plane.kubectl("apply", "-f", "-", stdin=json.dumps(job))
    return installation.objects.get(job)


def handled(installation: Installation, job: Object, value: str, runs: int) -> Object:
    """The job once the value was handled and so many runs succeeded in all."""
    return installation.wait(
        job,
        lambda found: found["status"]["handledRunNow"] == value and found["status"]["runs"]["succeeded"] == runs,
        within=15,
    )


def test_one_value_runs_once(installation: Installation) -> None:
    job = apply(installation, annotated("asked", "monday"))
    handled(installation, job, "monday", 1)  # a value that is there at creation runs, too

    apply(installation, annotated("asked", "monday"))
    apply(installation, annotated("asked", "monday", tags=["edited"]))
    apply(installation, annotated("asked", "tuesday", tags=["edited"]))
    handled(installation, job, "tuesday", 2)
    apply(installation, annotated("asked", "monday", tags=["edited"]))
    handled(installation, job, "monday", 2)  # it had its run
    installation.plane.kubectl("annotate", "sched", "asked", f"{RUN_NOW}=wednesday", "--overwrite")
    job = handled(installation, job, "wednesday", 3)

    records = installation.records(job)
    assert [record.trigger for record in records] == [Trigger.MANUAL] * 3
    assert {record.requested_by for record in records} == {"annotation run-now"}
    assert job["status"]["runs"]["total"] == 3
    assert job["status"]["skipped"] == {}
    assert condition(job, "Ready")["reason"] == "OnDemand"
    assert "nextRunTime" not in job["status"]


def test_the_operator_never_touches_the_annotation(installation: Installation) -> None:
    applied = annotated("untouched", "now", every="1h")
    job = handled(installation, apply(installation, applied), "now", 1)

    assert installation.plane.kubectl("diff", "-f", "-", stdin=json.dumps(applied)) == ""
    assert set(job["metadata"]["annotations"]) == {RUN_NOW, BY_KUBECTL}
    assert job["metadata"]["annotations"][RUN_NOW] == "now"
    assert job["metadata"]["generation"] == 1
    parts = {entry.get("subresource", "") for entry in job["metadata"]["managedFields"] if _ours(entry)}
    assert parts == {"status"}


def _ours(entry: Object) -> bool:
    return "kubectl" not in entry["manager"]


def test_operators_that_start_anew_run_nothing_again(sturdy: Installation) -> None:
    job = apply(sturdy, annotated("anew", "first"))
    handled(sturdy, job, "first", 1)

    sturdy.stop(*sturdy.operators)
    sturdy.start(*sturdy.operators)
    apply(sturdy, annotated("anew", "second"))
    job = handled(sturdy, job, "second", 2)

    assert len(sturdy.seen(job)) == 2


def test_a_value_that_came_while_no_operator_looked_runs_once(sturdy: Installation) -> None:
    job = apply(sturdy, annotated("away", "before"))
    handled(sturdy, job, "before", 1)

    sturdy.stop(*sturdy.operators)
    apply(sturdy, annotated("away", "overtaken"))
    apply(sturdy, annotated("away", "meanwhile"))
    sturdy.start(*sturdy.operators)

    job = handled(sturdy, job, "meanwhile", 2)
    assert len(sturdy.seen(job)) == 2


def test_a_lost_redis_runs_nothing_again(sturdy: Installation) -> None:
    """Neither with operators that remember, nor with ones that know only what the status tells."""
    job = apply(sturdy, annotated("lost", "first"))
    handled(sturdy, job, "first", 1)
    apply(sturdy, annotated("lost", "second"))
    handled(sturdy, job, "second", 2)
    apply(sturdy, annotated("lost", "first"))
    handled(sturdy, job, "first", 2)

    sturdy.redis.flushall()
    eventually(lambda: sturdy.redis.exists(sturdy.keys.epoch), within=20)
    apply(sturdy, annotated("lost", "third"))
    handled(sturdy, job, "third", 3)
    sturdy.stop(*sturdy.operators)
    sturdy.redis.flushall()
    sturdy.start(*sturdy.operators)
    apply(sturdy, annotated("lost", "fourth"))
    job = handled(sturdy, job, "fourth", 4)

    assert len(sturdy.seen(job)) == 1, "one since Redis was lost"
    assert job["status"]["runs"]["total"] == 4


def test_a_run_that_waits_comes_back_when_redis_is_lost(sturdy: Installation) -> None:
    job = apply(sturdy, annotated("waits", "now", queue="nobody"))
    job = sturdy.wait(job, lambda found: found["status"]["active"] == 1 and "handledRunNow" in found["status"])
    (run,) = job["status"]["unfinished"]

    sturdy.redis.flushall()

    eventually(lambda: len(sturdy.entries(job, "nobody")) == 1, within=30)
    assert [record.id for record in sturdy.records(job)] == [run]
    told = sturdy.wait(job, lambda found: found["status"]["seq"] > job["status"]["seq"], within=20)
    assert (told["status"]["unfinished"], told["status"]["handledRunNow"]) == ([run], "now")


def test_a_job_that_cannot_run_runs_once_it_is_mended(installation: Installation) -> None:
    job = apply(installation, annotated("broken", "now", schedule="0 0 1 1 *", timeZone="Europe/Berlinn"))
    job = installation.wait(job, lambda found: condition(found, "Stalled")["status"] == "True")
    assert "handledRunNow" not in job["status"]

    apply(installation, annotated("broken", "now", schedule="0 0 1 1 *", timeZone="Europe/Berlin"))

    job = handled(installation, job, "now", 1)
    assert len(installation.seen(job)) == 1


def test_a_refused_run_is_counted_and_told(installation: Installation) -> None:
    spec = {"concurrencyPolicy": "Forbid", "queue": "nobody"}
    job = apply(installation, annotated("refused", "first", **spec))
    installation.wait(job, lambda found: found["status"]["active"] == 1)

    apply(installation, annotated("refused", "second", **spec))

    job = installation.wait(job, lambda found: found["status"]["handledRunNow"] == "second")
    assert job["status"]["skipped"] == {"Overlap": 1}
    assert job["status"]["active"] == 1
    told = eventually(lambda: [each for each in installation.objects.events(job) if each["reason"] == "RunRefused"])
    assert len(told) == 1
    assert "another run is not over" in told[0]["message"]
    assert "second" in told[0]["message"]
