"""What happens when a run comes due while another is not over, and when no worker takes any."""

from itertools import pairwise

from eventually import eventually
from integration.installation import Installation
from integration.objects import scheduled
from integration.timeline import at, gaps, now
from kronstream.domain.run import State

KEPT = {"history": {"successful": 1_000, "failed": 1_000}}
QUEUE = "nobody"


def test_forbid_never_runs_two_and_counts_what_it_skipped(installation: Installation) -> None:
    spec = {"every": "1s", "concurrencyPolicy": "Forbid", "payload": {"seconds": 1.4}, **KEPT}
    (job,) = installation.apply(scheduled("forbid", function="probe:sleep", **spec))
    job = installation.wait(job, lambda found: found["status"]["runs"]["succeeded"] >= 3, within=15)
    job = installation.objects.patch(job, suspend=True)
    job = installation.wait(job, lambda found: found["status"]["active"] == 0 and "nextRunTime" not in found["status"])

    records = installation.records(job)
    assert all(later.started >= earlier.finished for earlier, later in pairwise(records))
    assert len(installation.seen(job)) == len(records)
    between = gaps([record.nominal for record in records], 1_000)
    assert len(between) >= 2
    # the last one may be followed by instants that were skipped before the job was held
    after = ((at(job, "cursor") or 0) - (records[-1].nominal or 0)) // 1_000
    assert len(between) <= job["status"]["skipped"]["Overlap"] <= len(between) + after
    assert job["status"]["runs"]["skipped"] == job["status"]["skipped"]["Overlap"]


def test_replace_cancels_the_older_run_first(installation: Installation) -> None:
    spec = {"every": "1s", "concurrencyPolicy": "Replace", "payload": {"seconds": 30}, **KEPT}
    (job,) = installation.apply(scheduled("replace", function="probe:sleep", **spec))
    installation.wait(job, lambda found: found["status"]["runs"]["cancelled"] >= 3, within=15)
    job = installation.objects.patch(job, every="2s", payload={"seconds": 0})
    job = installation.wait(job, lambda found: found["status"]["runs"]["succeeded"] >= 1)

    records = installation.records(job)
    replaced = [record for record in records if record.state is State.CANCELLED]
    assert len(replaced) >= 3
    assert {record.reason for record in replaced} == {"replaced"}
    assert all(record.attempt <= 1 for record in replaced)
    ran = [record for record in records if record.started is not None]
    assert all(later.started >= earlier.finished for earlier, later in pairwise(ran) if earlier.finished)
    assert job["status"]["runs"]["failed"] == 0
    # with one more due before a worker hears of the end of what it executes, one that never began is left out
    ended = [record.nominal for record in records if record.state in (State.CANCELLED, State.SKIPPED)]
    assert gaps([nominal for nominal in ended if nominal <= replaced[-1].nominal], 1_000) == []


def test_replace_without_a_worker_keeps_only_the_newest(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("newest", every="1s", concurrencyPolicy="Replace", queue=QUEUE))

    job = installation.wait(job, lambda found: found["status"]["runs"]["cancelled"] >= 3)

    assert job["status"]["active"] == 1
    assert len(installation.entries(job, QUEUE)) == 1


def test_allow_runs_side_by_side(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("allow", function="probe:sleep", every="1s", payload={"seconds": 2.5}))

    eventually(lambda: [record.state for record in installation.records(job)].count(State.RUNNING) >= 2, within=20)


def test_a_backlog_is_bounded_and_what_is_beyond_it_counted(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("backlog", every="1s", maxBacklog=2, queue=QUEUE))

    job = installation.wait(job, lambda found: found["status"]["skipped"].get("Backlog", 0) >= 3)

    entries = installation.entries(job, QUEUE)
    assert len(entries) == 2
    assert job["status"]["active"] == 2
    assert job["status"]["runs"] == {
        "total": 2, "succeeded": 0, "failed": 0, "cancelled": 0, "dead": 0,
        "skipped": job["status"]["skipped"]["Backlog"],
    }  # fmt: skip
    assert gaps([nominal for nominal, _ in entries], 1_000) == []


def test_a_job_without_a_worker_does_not_hold_up_another(installation: Installation) -> None:
    installation.apply(*(scheduled(f"stuck-{number}", every="1s", queue=QUEUE) for number in range(3)))
    (job,) = installation.apply(scheduled("free", every="1s", function="probe:note"))

    eventually(lambda: len(installation.seen(job)) >= 3, within=20)

    assert min(call["at"] - call["nominal"] for call in installation.seen(job)) < 1_000
    assert max(call["nominal"] for call in installation.seen(job)) <= now() + 50
