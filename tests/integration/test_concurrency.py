"""How many runs go on at a time: of a job by its policy, of a group of jobs, and whoever asked for them."""

import signal
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest

from eventually import eventually
from integration.installation import Installation
from integration.objects import Object, scheduled
from integration.timeline import gaps, parse
from kronstream.domain.run import State
from kronstream.operations import Refused
from kronstream.operations.refused import Why

KEPT = {"history": {"successful": 1_000, "failed": 1_000}}


def run_now(installation: Installation, job: Object, key: str, **options: Any) -> str:
    """Asks for a run; its id."""
    uid = job["metadata"]["uid"]
    return installation.ask(lambda service: service.runs.run_now(uid, key, **options)).run


def refused(installation: Installation, job: Object, key: str) -> Refused:
    """Asks for a run that is refused."""
    with pytest.raises(Refused) as caught:
        run_now(installation, job, key)
    return caught.value


def most_at_once(spans: Iterable[dict[str, Any]]) -> int:
    """How many handlers were busy at the same time; one may begin in the millisecond in which another ended."""
    edges = sorted(edge for span in spans for edge in ((span["begin"], 1), (span["end"], -1)))
    busy, most = 0, 0
    for _, step in edges:
        busy += step
        most = max(most, busy)
    return most


def over(installation: Installation, job: Object, count: int, within: float = 20) -> Object:
    """The job once so many of its runs succeeded and none goes on."""
    return installation.wait(
        job,
        lambda found: found["status"]["runs"]["succeeded"] >= count and found["status"]["active"] == 0,
        within,
    )


def held(installation: Installation, job: Object) -> Object:
    """The job once it is suspended and nothing of it goes on."""
    job = installation.objects.patch(job, suspend=True)
    return installation.wait(
        job,
        lambda found: found["status"]["suspended"] == "Spec" and found["status"]["active"] == 0,
        within=20,
    )


def test_a_queue_keeps_the_order_and_never_exceeds_its_limit(installation: Installation) -> None:
    spec = {"concurrencyPolicy": "Queue", "maxConcurrent": 2, "maxQueued": 6, "payload": {"seconds": 0.3}, **KEPT}
    (job,) = installation.apply(scheduled("queue", function="probe:span", **spec))
    installation.wait(job, lambda found: found["status"]["observedGeneration"] == 1)

    async def ask_for_eight(service: Any) -> list[str]:
        # the first two last until all are asked for
        last = [{"payload": {"seconds": 6}}] * 2 + [{}] * 6
        uid = job["metadata"]["uid"]
        return [(await service.runs.run_now(uid, f"ask-{n}", **own)).run for n, own in enumerate(last)]

    asked = installation.ask(ask_for_eight)
    full = refused(installation, job, "one-too-many")

    job = over(installation, job, 8, within=40)
    began = {record.id: record.started or 0 for record in installation.records(job)}
    assert set(began) == set(asked)
    # two that end together make room for two
    assert [began[run] for run in asked] == sorted(began.values())
    assert most_at_once(installation.spans(job)) == 2
    assert (full.why, full.reason) == (Why.CONFLICT, "QueueFull")
    assert "maxQueued" in str(full)
    assert job["status"]["skipped"] == {"QueueFull": 1}
    assert job["status"]["runs"]["skipped"] == 1


def test_a_full_queue_passes_over_what_is_due_and_counts_it(installation: Installation) -> None:
    spec = {"concurrencyPolicy": "Queue", "maxQueued": 1, "payload": {"seconds": 1.7}, **KEPT}
    (job,) = installation.apply(scheduled("full", function="probe:span", every="1s", **spec))

    installation.wait(job, lambda found: found["status"]["skipped"].get("QueueFull", 0) >= 2, within=20)
    job = held(installation, job)

    records = installation.records(job)
    assert all(later.started >= earlier.finished for earlier, later in pairwise(records))
    assert most_at_once(installation.spans(job)) == 1
    between = gaps([record.nominal for record in records], 1_000)
    after = (parse(job["status"]["cursor"]) - (records[-1].nominal or 0)) // 1_000
    assert len(between) <= job["status"]["skipped"]["QueueFull"] <= len(between) + after
    assert set(job["status"]["skipped"]) <= {"QueueFull", "Suspended"}


def test_replace_ends_the_oldest_of_those_that_may_run_at_a_time(installation: Installation) -> None:
    spec = {"concurrencyPolicy": "Replace", "maxConcurrent": 2, "payload": {"seconds": 30}, **KEPT}
    (job,) = installation.apply(scheduled("replace-two", function="probe:span", every="1s", **spec))

    installation.wait(job, lambda found: found["status"]["runs"]["cancelled"] >= 3, within=20)
    installation.objects.patch(job, suspend=True)
    # the last two are left alone
    installation.wait(job, lambda found: found["status"]["active"] == 2 and found["status"]["suspended"] == "Spec")
    # with two more due before a worker hears of the end of those it executes, the first of them never begins
    records = [record for record in installation.records(job) if record.state is not State.SKIPPED]

    replaced = [record for record in records if record.state is State.CANCELLED]
    assert {record.reason for record in replaced} == {"replaced"}
    assert [record.id for record in records[: len(replaced)]] == [record.id for record in replaced]
    ended = [span for span in installation.spans(job) if span["how"] == "cancelled"]
    started = {record.id for record in replaced if record.started is not None}
    assert started == {span["run"] for span in ended}, "every handler saw the cancellation"
    # each ended before the second one after it began
    ran = [record for record in records if record.started is not None]
    assert all(third.started >= first.finished for first, third in zip(ran, ran[2:], strict=False) if first.finished)
    installation.ask(lambda service: service.runs.cancel([record.id for record in records[-2:]], "test"))
    installation.wait(job, lambda found: found["status"]["active"] == 0)


def test_jobs_of_a_group_never_overlap(installation: Installation) -> None:
    spec = {"every": "1s", "concurrencyGroup": {"name": "press"}, "payload": {"seconds": 0.35}, **KEPT}
    jobs = installation.apply(*(scheduled(f"press-{n}", function="probe:span", **spec) for n in range(2)))

    for job in jobs:
        installation.wait(job, lambda found: found["status"]["runs"]["succeeded"] >= 3, within=20)
    jobs = [held(installation, job) for job in jobs]

    spans = installation.spans(*jobs)
    assert most_at_once(spans) == 1
    assert {span["how"] for span in spans} == {"done"}
    for job in jobs:
        assert gaps([record.nominal for record in installation.records(job)], 1_000) == []
        assert set(job["status"]["skipped"]) <= {"Suspended"}


def test_a_group_is_of_one_namespace(installation: Installation) -> None:
    installation.plane.kubectl("create", "namespace", "other-press")
    spec = {"concurrencyGroup": {"name": "national"}, "payload": {"seconds": 600}}
    mine, theirs = installation.apply(
        scheduled("national", function="probe:span", **spec),
        scheduled("national", "other-press", function="probe:span", **spec),
    )
    for job in (mine, theirs):
        installation.wait(job, lambda found: found["status"]["observedGeneration"] == 1)

    runs = [run_now(installation, job, "side-by-side") for job in (mine, theirs)]

    eventually(lambda: len(installation.seen(mine)) == len(installation.seen(theirs)) == 1)
    assert installation.spans(mine, theirs) == [], "neither has ended"
    installation.ask(lambda service: service.runs.cancel(runs, "test"))
    for job in (mine, theirs):
        installation.wait(job, lambda found: found["status"]["active"] == 0)


def test_a_forbidding_job_of_a_full_group_is_skipped(installation: Installation) -> None:
    group = {"concurrencyGroup": {"name": "furnace"}}
    (holder,) = installation.apply(scheduled("holder", function="probe:span", payload={"seconds": 12}, **group))
    installation.wait(holder, lambda found: found["status"]["observedGeneration"] == 1)
    run_now(installation, holder, "hold")
    eventually(lambda: installation.seen(holder))
    (job,) = installation.apply(
        scheduled(
            "modest", function="probe:span", every="1s", concurrencyPolicy="Forbid", payload={"seconds": 0}, **group
        )
    )

    installation.wait(job, lambda found: found["status"]["skipped"].get("Overlap", 0) >= 1, within=20)
    job = installation.wait(job, lambda found: found["status"]["runs"]["succeeded"] >= 1, within=40)

    (span,) = installation.spans(holder)
    assert all(each["begin"] >= span["end"] for each in installation.spans(job))
    assert set(job["status"]["skipped"]) == {"Overlap"}


def test_a_run_that_is_asked_for_goes_by_the_same_rules(installation: Installation) -> None:
    spec = {"concurrencyPolicy": "Forbid", "payload": {"seconds": 6}}
    (job,) = installation.apply(scheduled("strict", function="probe:span", **spec))
    installation.wait(job, lambda found: found["status"]["observedGeneration"] == 1)

    run_now(installation, job, "first")
    no = refused(installation, job, "second")
    again = refused(installation, job, "second")

    assert (no.why, no.reason) == (Why.CONFLICT, "Overlap")
    assert "concurrencyPolicy" in str(no)
    assert str(again) == str(no)
    job = over(installation, job, 1)
    assert job["status"]["skipped"] == {"Overlap": 1}
    assert len(installation.seen(job)) == 1
    # the key is spent: it stands for the answer that it got
    assert refused(installation, job, "second").reason == "Overlap"
    run_now(installation, job, "third", payload={"seconds": 0})
    over(installation, job, 2)


def test_a_group_goes_on_when_the_worker_that_held_its_slot_is_killed(sturdy: Installation) -> None:
    spec = {"concurrencyGroup": {"name": "lifeboat"}, "retry": {"limit": 0}}
    first, second = sturdy.apply(
        scheduled("lifeboat-1", function="probe:span", payload={"seconds": 60}, **spec),
        scheduled("lifeboat-2", function="probe:span", payload={"seconds": 0}, **spec),
    )
    for job in (first, second):
        sturdy.wait(job, lambda found: found["status"]["observedGeneration"] == 1)
    held_by = run_now(sturdy, first, "hold")
    eventually(lambda: sturdy.seen(first))
    waiting = run_now(sturdy, second, "wait")
    (record,) = sturdy.records(first)
    assert (record.id, record.state) == (held_by, State.RUNNING)
    assert sturdy.seen(second) == []

    sturdy.stop(str(record.worker), number=signal.SIGKILL)

    over(sturdy, second, 1, within=40)
    (lost,) = sturdy.records(first)
    assert (lost.state, lost.reason) == (State.FAILED, "worker_lost")
    (record,) = sturdy.records(second)
    assert (record.id, record.state) == (waiting, State.SUCCESS)
    assert record.started >= lost.finished
    sturdy.start(str(lost.worker))
