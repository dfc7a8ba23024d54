"""An edit of when a job runs never fires retroactively; an edit of anything else loses no run."""

import pytest

from eventually import eventually
from integration.installation import Installation
from integration.objects import Object, condition, ready, scheduled
from integration.timeline import at, gaps, now, parse, render, until

QUEUE = "nobody"  # no worker serves it: entries stay in the stream and can be counted
LANES = ("critical", "high", "medium", "low")


def nominals(installation: Installation, job: Object) -> list[int]:
    """The due instants of a job's entries, of whichever lane."""
    found = [nominal for lane in LANES for nominal, _ in installation.entries(job, QUEUE, lane)]
    assert len(found) == len(set(found))
    return sorted(found)


def running(installation: Installation, *jobs: Object) -> None:
    """Returns once each job has two entries."""
    for job in jobs:
        eventually(lambda job=job: len(nominals(installation, job)) >= 2, within=20)


def edited(installation: Installation, job: Object, **spec: object) -> tuple[Object, int, int]:
    """The job once an edit of its spec is in force, and the instants before and after it.

    Nothing of the new spec may fire before the first one, nothing of the old one after the last.
    """
    begin = now()
    job = installation.wait(installation.objects.patch(job, **spec), ready, within=20)
    return job, begin, now()


def skipped(job: Object, reason: str) -> int:
    return int(job["status"]["skipped"].get(reason, 0))


FROM = {
    "every": {"every": "1s"},
    "schedule": {"schedule": "* * * * *"},
    "run-at": {"runAt": "2038-01-19T03:14:07Z"},
}
# each would have many instants in the past, were it taken to hold for the past
TO = {
    "every": {"every": "1s", "anchor": "2020-01-01T00:00:00.500Z"},
    "schedule": {"schedule": "* * * * *", "timeZone": "Asia/Tokyo"},
    "run-at": None,
}


@pytest.mark.parametrize("old", FROM)
def test_another_form_of_schedule_fires_from_now_on(old: str, installation: Installation) -> None:
    jobs = {
        new: installation.apply(scheduled(f"{old}-to-{new}", queue=QUEUE, **FROM[old]))[0] for new in TO if new != old
    }
    for job in jobs.values():
        installation.wait(job, ready)
    begun = {}
    for new, job in jobs.items():
        spec = TO[new] or {"runAt": render(now() + 10_000)}
        begun[new] = edited(installation, job, **{**dict.fromkeys(("schedule", "timeZone", "every", "runAt")), **spec})

    for new, (job, begin, force) in begun.items():
        assert "nextRunTime" in job["status"]
        if new != "schedule":
            eventually(lambda job=job, force=force: nominals(installation, job)[-1:] > [force], within=20)
        before = [nominal for nominal in nominals(installation, job) if nominal < begin]
        after = [nominal for nominal in nominals(installation, job) if nominal > force]
        assert all(nominal % 1_000 == 0 for nominal in before), "an instant of the new schedule, before the edit"
        if old != "every":
            assert [nominal for nominal in before if nominal % 60_000] == []
        if new == "every":
            assert {nominal % 1_000 for nominal in after} == {500}
            assert gaps(after, 1_000) == []
        if new == "run-at":
            assert after == [parse(job["spec"]["runAt"])]


def test_an_edit_of_the_interval_takes_the_old_instants_away(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("slower", every="1s", queue=QUEUE))
    running(installation, job)

    job, _, force = edited(installation, job, every="1h")
    until(force + 2_500)

    found = nominals(installation, job)
    assert found[-1] <= force
    assert gaps(found, 1_000) == []
    assert at(job, "nextRunTime") == parse(job["metadata"]["creationTimestamp"]) + 3_600_000
    assert skipped(job, "Edited") <= (force - found[-1]) // 1_000, "due, and not yet dispatched"


def test_resuming_makes_up_for_nothing_and_counts_what_passed(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("paused", every="1s", queue=QUEUE))
    running(installation, job)

    job, _, held = edited(installation, job, suspend=True)
    until(held + 3_200)
    assert condition(job, "Ready")["reason"] == "Suspended"
    during = [nominal for nominal in nominals(installation, job) if nominal > held]
    job, begin, resumed = edited(installation, job, suspend=False)
    eventually(lambda: nominals(installation, job)[-1] > resumed + 1_000, within=20)

    assert during == []
    found = nominals(installation, job)
    assert not [nominal for nominal in found if held < nominal <= begin]
    assert skipped(job, "Suspended") == len(gaps(found, 1_000)) >= 3
    assert job["status"]["runs"]["skipped"] == skipped(job, "Suspended")


def test_an_edit_of_anything_else_loses_no_due_run(installation: Installation) -> None:
    jobs = installation.apply(*(scheduled(f"busy-{number}", every="1s", queue=QUEUE) for number in range(5)))
    running(installation, *jobs)
    edits: list[dict[str, object]] = [
        {"payload": {"a": 1}},
        {"retry": {"limit": 1}},
        {"tags": ["x"]},
        {"timeout": "1m"},
        {"priority": "high"},
        {"handler": {"function": {"name": "sleep"}}},
        {"description": "edited"},
        {"history": {"successful": 5}},
        {"catchUp": {"policy": "None"}},
        {"maxBacklog": 500},
        {"priority": "low", "payload": None},
    ]

    begin = now()
    for number, spec in enumerate(edits * 2):
        until(begin + number * 230)  # so that edits fall before, upon and after due instants
        for job in jobs:
            installation.objects.patch(job, **spec)
    last = now()

    for job in jobs:
        eventually(lambda job=job: nominals(installation, job)[-1] > last, within=20)
        assert gaps(nominals(installation, job), 1_000) == []
        told = installation.wait(job, ready)
        assert told["status"]["skipped"] == {}


def test_a_run_executes_the_spec_of_its_dispatch(installation: Installation) -> None:
    slow = {"function": "probe:sleep", "every": "1s", "concurrencyPolicy": "Forbid", "history": {"successful": 100}}
    (job,) = installation.apply(scheduled("versions", payload={"seconds": 0.4, "version": 1}, **slow))
    eventually(lambda: installation.seen(job), within=20)

    changed = installation.objects.patch(job, payload={"seconds": 0, "version": 2})
    first = installation.seen(job)[0]["run"]
    before = installation.wait(changed, ready)["status"]["runs"]["succeeded"]
    installation.wait(job, lambda found: found["status"]["runs"]["succeeded"] >= before + 3, within=20)

    records = [record for record in installation.records(job) if record.state.terminal]
    told = [(record.generation, record.result["version"]) for record in records]
    assert (records[0].id, told[0]) == (first, (1, 1))
    assert told[-1] == (2, 2)
    assert set(told) == {(1, 1), (2, 2)}


def test_a_job_created_anew_under_its_name_starts_afresh(installation: Installation) -> None:
    (old,) = installation.apply(scheduled("phoenix", every="1s", function="probe:raise", retry={"limit": 0}))
    installation.wait(old, lambda found: found["status"]["runs"]["failed"] >= 2)

    installation.delete(old)
    (new,) = installation.apply(scheduled("phoenix", every="1h"))
    new = installation.wait(new, ready)

    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    assert new["status"]["runs"] == {
        "total": 0, "succeeded": 0, "failed": 0, "cancelled": 0, "dead": 0, "skipped": 0,
    }  # fmt: skip
    assert new["status"]["skipped"] == {}
    assert new["status"]["consecutiveFailures"] == 0
    assert "lastRun" not in new["status"]
    assert "lastFailureTime" not in new["status"]
    assert installation.records(new) == []


def test_a_deleted_job_fires_no_more_and_leaves_only_what_expires(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("deleted", every="1s", queue=QUEUE))
    running(installation, job)

    installation.delete(job)

    eventually(lambda: not installation.lasting(job), within=20)
    assert nominals(installation, job) == []
    until(now() + 1_500)
    assert nominals(installation, job) == []
    assert not installation.lasting(job)
