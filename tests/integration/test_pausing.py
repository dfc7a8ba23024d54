"""Pauses beside the spec, asked for or brought about by failures: nothing of a paused time runs later."""

import json
from typing import Any

from eventually import eventually
from integration.installation import Installation
from integration.objects import Object, condition, ready, scheduled
from integration.timeline import at, gaps, now, parse, render, until

QUEUE = "nobody"
MARGIN = 200  # ms
ALL = {"catchUp": {"policy": "All"}}


def nominals(installation: Installation, job: Object) -> list[int]:
    """Due instants of a job's entries."""
    return [nominal for nominal, _ in installation.entries(job, QUEUE)]


def running(installation: Installation, name: str) -> Object:
    """A job that runs every second, applied by kubectl, and had its first run."""
    installation.apply()
    job = scheduled(name, every="1s", queue=QUEUE, **ALL)
    installation.plane.kubectl("apply", "-f", "-", stdin=json.dumps(job))
    eventually(lambda: nominals(installation, installation.objects.get(job)), within=10)
    return job | {"metadata": installation.objects.get(job)["metadata"]}


def pause(installation: Installation, job: Object, **options: Any) -> Object:
    """The job once it is paused and its status tells."""
    uid = job["metadata"]["uid"]
    assert installation.ask(lambda service: service.pausing.pause(uid, **options))
    return installation.wait(job, lambda found: found["status"]["suspended"] == "Paused")


def lost(installation: Installation, job: Object) -> int:
    """How many due instants have no entry."""
    return len(gaps(nominals(installation, job), 1_000))


def resume(installation: Installation, job: Object) -> int:
    """Resumes; the instant before."""
    instant = now()
    assert installation.ask(lambda service: service.pausing.resume(job["metadata"]["uid"]))
    return instant


def goes_on(installation: Installation, job: Object, after: int) -> list[int]:
    """All nominal instants once two runs came after an instant."""
    eventually(lambda: len([at for at in nominals(installation, job) if at > after]) >= 2, within=20)
    return nominals(installation, job)


def test_a_pause_holds_until_it_is_ended_whatever_is_applied(installation: Installation) -> None:
    job = running(installation, "paused-by-hand")

    told = pause(installation, job, by="anna", reason="the disk is full")
    began = parse(told["status"]["paused"]["since"])
    assert told["status"]["paused"] == {
        "by": "anna",
        "reason": "the disk is full",
        "since": told["status"]["paused"]["since"],
    }
    assert "nextRunTime" not in told["status"]
    assert told["status"]["upcoming"] == []
    message = condition(told, "Ready")["message"]
    assert condition(told, "Ready")["reason"] == "Paused"
    assert "paused by anna" in message
    assert "the disk is full" in message
    row = installation.plane.kubectl("get", "sched", "paused-by-hand")
    assert "Paused" in row

    applied = scheduled("paused-by-hand", every="1s", queue=QUEUE, **ALL)
    installation.plane.kubectl("apply", "-f", "-", stdin=json.dumps(applied))
    installation.plane.kubectl(
        "apply", "-f", "-", stdin=json.dumps(applied | {"spec": applied["spec"] | {"tags": ["x"]}})
    )
    told = installation.wait(job, lambda found: found["status"]["observedGeneration"] == 2)
    installation.wait(job, lambda found: found["status"]["skipped"].get("Paused", 0) >= 2)
    assert told["status"]["suspended"] == "Paused"
    ended = resume(installation, job)

    found = goes_on(installation, job, ended)
    assert [nominal for nominal in found if began + MARGIN < nominal < ended - MARGIN] == []
    told = installation.wait(job, lambda found: found["status"]["suspended"] == "No")
    assert "paused" not in told["status"]
    installation.wait(job, lambda found: found["status"]["skipped"] == {"Paused": lost(installation, job)})
    assert not installation.ask(lambda service: service.pausing.resume(job["metadata"]["uid"]))


def test_a_pause_with_an_end_ends_by_itself(installation: Installation) -> None:
    job = running(installation, "paused-for-a-while")
    end = now() // 1_000 * 1_000 + 8_500

    told = pause(installation, job, by="ben", until=end)
    assert parse(told["status"]["paused"]["until"]) == end
    assert at(told, "nextRunTime") == end + 500
    assert "until" in condition(told, "Ready")["message"]

    found = goes_on(installation, job, end)
    began = parse(told["status"]["paused"]["since"])
    assert [nominal for nominal in found if began + MARGIN < nominal < end] == []
    assert end + 500 in found
    told = installation.wait(job, lambda found: found["status"]["suspended"] == "No")
    assert "paused" not in told["status"]


def test_a_pause_that_ends_while_no_operator_looks_makes_up_for_nothing(sturdy: Installation) -> None:
    job = running(sturdy, "ends-unseen")
    end = now() // 1_000 * 1_000 + 8_500
    began = parse(pause(sturdy, job, by="ben", until=end)["status"]["paused"]["since"])

    sturdy.stop(*sturdy.operators)
    until(end + 2_000)
    back = now()
    sturdy.start(*sturdy.operators)

    found = goes_on(sturdy, job, back)
    assert [nominal for nominal in found if began + MARGIN < nominal < end] == []
    assert gaps([nominal for nominal in found if nominal >= end], 1_000) == [], "what came after it is only late"
    assert end + 500 in found


def test_a_lost_redis_does_not_end_a_pause(sturdy: Installation) -> None:
    job = running(sturdy, "lost-pause")
    before = pause(sturdy, job, by="anna", reason="do not touch")["status"]
    eventually(lambda: sturdy.objects.get(job)["status"]["skipped"].get("Paused", 0) >= 1)

    sturdy.redis.flushall()
    eventually(lambda: sturdy.redis.exists(sturdy.keys.epoch), within=20)
    flushed = now()
    sturdy.wait(job, lambda found: at(found, "cursor") > flushed, within=15)

    told = sturdy.objects.get(job)["status"]
    assert told["paused"] == before["paused"]
    assert told["suspended"] == "Paused"
    ended = resume(sturdy, job)
    # a run that waited before the pause is brought back, seconds after Redis
    began = parse(before["paused"]["since"])
    assert [nominal for nominal in goes_on(sturdy, job, ended) if began + MARGIN < nominal < ended - MARGIN] == []


def failing(installation: Installation, name: str) -> Object:
    """A job that failed three times in a row and is held for it."""
    # one at a time: one that goes on when the third has failed would be a fourth
    spec = {"every": "1s", "retry": {"limit": 0}, "suspendAfterFailures": 3, "concurrencyPolicy": "Forbid"}
    (job,) = installation.apply(scheduled(name, function="probe:raise", **spec))
    return installation.wait(job, lambda found: found["status"]["suspended"] == "Failures", within=20)


def test_failures_hold_a_job_until_it_is_edited(installation: Installation) -> None:
    job = failing(installation, "given-up")

    told = condition(job, "Ready")
    assert told["reason"] == "Failures"
    assert "3 runs in a row failed" in told["message"]
    assert "edit the job or resume it" in told["message"]
    assert "nextRunTime" not in job["status"]
    assert job["status"]["paused"]["by"] == "kronstream"
    told = eventually(lambda: [each for each in installation.objects.events(job) if each["reason"] == "GivenUp"])
    assert len(told) == 1
    assert "3 runs in a row failed: suspendAfterFailures holds the job" in told[0]["message"]
    installation.wait(job, lambda found: found["status"]["skipped"].get("Paused", 0) >= 2)
    assert installation.objects.get(job)["status"]["runs"]["failed"] == 3

    job = installation.objects.patch(job, handler={"function": {"name": "probe:note"}})

    job = installation.wait(job, lambda found: found["status"]["runs"]["succeeded"] >= 1)
    assert job["status"]["suspended"] == "No"
    assert "paused" not in job["status"]


def test_an_edit_counts_failures_anew_and_makes_no_success_of_them(installation: Installation) -> None:
    job = failing(installation, "slowed-down")

    job = installation.wait(installation.objects.patch(job, every="1h"), ready)

    assert (job["status"]["suspended"], job["status"]["consecutiveFailures"]) == ("No", 0)
    assert condition(job, "LastRunSucceeded")["status"] == "False"
    assert "RunSucceeded" not in {event["reason"] for event in installation.objects.events(job)}


def test_a_lost_redis_does_not_forget_that_failures_hold_a_job(sturdy: Installation) -> None:
    job = failing(sturdy, "remembered")

    sturdy.redis.flushall()
    eventually(lambda: sturdy.redis.exists(sturdy.keys.epoch), within=20)
    flushed = now()
    job = sturdy.wait(job, lambda found: at(found, "cursor") > flushed, within=15)
    assert job["status"]["suspended"] == "Failures"
    assert job["status"]["runs"]["failed"] == 3

    job = sturdy.objects.patch(job, handler={"function": {"name": "probe:note"}})
    sturdy.wait(job, lambda found: found["status"]["runs"]["succeeded"] >= 1)


def test_a_one_time_job_whose_instant_comes_in_a_pause_is_over(sturdy: Installation) -> None:
    (job,) = sturdy.apply(scheduled("missed-its-time", function="probe:note", runAt=render(now() + 8_000)))
    sturdy.wait(job, ready)
    pause(sturdy, job, by="anna")

    job = sturdy.wait(job, lambda found: "completionTime" in found["status"], within=20)
    assert condition(job, "Ready")["reason"] == "Skipped"
    assert "while the job was paused" in condition(job, "Ready")["message"]
    assert job["status"]["skipped"] == {"Paused": 1}

    resume(sturdy, job)
    sturdy.redis.flushall()
    eventually(lambda: sturdy.redis.exists(sturdy.keys.epoch), within=20)
    job = sturdy.wait(sturdy.objects.patch(job, tags=["x"]), ready)
    assert condition(job, "Ready")["reason"] == "Skipped"
    assert sturdy.records(job) == []


def test_failures_hold_a_job_until_it_is_resumed_and_count_anew(installation: Installation) -> None:
    job = failing(installation, "tried-again")

    resume(installation, job)

    job = installation.wait(job, lambda found: found["status"]["runs"]["failed"] >= 4)
    assert job["status"]["suspended"] in ("No", "Failures")
    job = installation.wait(job, lambda found: found["status"]["suspended"] == "Failures")
    assert job["status"]["runs"]["failed"] == 6
    assert "RunSucceeded" not in {event["reason"] for event in installation.objects.events(job)}


def test_a_job_that_ready_waits_for_is_ready_while_it_is_paused(installation: Installation) -> None:
    """`kubectl wait` and GitOps tools take a pause for health: it is what somebody asked for."""
    (job,) = installation.apply(scheduled("healthy", every="1h"))
    installation.wait(job, ready)

    pause(installation, job, by="anna")

    assert "condition met" in installation.plane.kubectl(
        "wait", "--for=condition=Ready", "sched/healthy", "--timeout=60s"
    )
