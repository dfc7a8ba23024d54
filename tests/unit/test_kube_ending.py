"""How a Job ended, or why it does not begin, told from what the API server has of it and of its Pods."""

from __future__ import annotations

from typing import Any

import pytest

from kronstream.domain.run import Reason
from kronstream.worker.kube import ending
from kronstream.worker.kube.ending import Where

Object = dict[str, Any]


def condition(kind: str, **fields: Any) -> Object:
    return {"type": kind, "status": "True", **fields}


def job(*conditions: Object, **status: Any) -> Object:
    return {"metadata": {"name": "report-1"}, "status": {"conditions": list(conditions), **status}}


def terminated(code: int, name: str = "main", state: str = "state", **fields: Any) -> Object:
    return {"name": name, state: {"terminated": {"exitCode": code, **fields}}}


def pod(*statuses: Object, name: str = "pod-1", made: str = "2026-11-28T10:00:00Z", **status: Any) -> Object:
    return {
        "metadata": {"name": name, "creationTimestamp": made},
        "spec": {"containers": [{"name": "main"}, {"name": "side"}]},
        "status": {"phase": "Failed", "containerStatuses": list(statuses), **status},
    }


FAILED = job(condition("Failed", reason="BackoffLimitExceeded", message="Job has reached the specified backoff limit"))
COMPLETE = job(condition("SuccessCriteriaMet"), condition("Complete"), succeeded=1)


@pytest.mark.parametrize(
    ("found", "over", "failing"),
    [
        ({"metadata": {}}, False, False),
        (job(), False, False),
        (job({"type": "Complete", "status": "False"}), False, False),
        (job(condition("SuccessCriteriaMet")), False, False),
        (job(condition("FailureTarget")), False, True),
        (job(condition("Suspended")), False, False),
        (COMPLETE, True, False),
        (FAILED, True, False),
    ],
)
def test_when_a_job_is_over(found: Object, over: bool, failing: bool) -> None:
    assert (ending.is_over(found), ending.is_failing(found)) == (over, failing)


def test_a_success() -> None:
    end = ending.judge(COMPLETE, [pod(terminated(0), phase="Succeeded")])
    assert end.kind is None
    assert end.result == {"job": "report-1", "pods": 1, "exitCode": 0}
    assert end.where == Where("pod-1", "main")
    assert ending.judge(COMPLETE, []).result == {"job": "report-1", "pods": 1, "exitCode": 0}


@pytest.mark.parametrize(
    ("message", "result"),
    [('{"rows": 17}', {"rows": 17}), ("17", 17), ("done", None), ("", None), ("[" * 4000, None)],
)
def test_a_termination_message_that_is_json_is_the_result(message: str, result: Any) -> None:
    end = ending.judge(COMPLETE, [pod(terminated(0, message=message), phase="Succeeded")])
    assert end.result == (result if result is not None else {"job": "report-1", "pods": 1, "exitCode": 0})


@pytest.mark.parametrize(
    ("pods", "kind", "codes", "message"),
    [
        ([pod(terminated(3))], "ExitCode", ("exit:3",), "container main exited with code 3"),
        (
            [pod(terminated(3, message="no such table\n"))],
            "ExitCode",
            ("exit:3",),
            "container main exited with code 3: no such table",
        ),
        ([pod(terminated(143))], "ExitCode", ("exit:143",), "container main exited with code 143 (SIGTERM)"),
        ([pod(terminated(255))], "ExitCode", ("exit:255",), "container main exited with code 255"),
        (
            [pod(terminated(137, reason="OOMKilled"))],
            "OOMKilled",
            ("oom_killed", "exit:137"),
            "container main was killed because it used more memory than its limit allows",
        ),
        (
            [pod(terminated(128, reason="StartError", message="exec: no such file"))],
            "StartError",
            ("exit:128",),
            "container main could not be started: exec: no such file",
        ),
        (
            [pod(reason="Evicted", message="The node was low on resource: memory.")],
            "Evicted",
            ("evicted",),
            "the Pod pod-1 was evicted: The node was low on resource: memory.",
        ),
        (
            [pod(terminated(137), conditions=[condition("DisruptionTarget", message="preempted")])],
            "Evicted",
            ("evicted",),
            "the Pod pod-1 was evicted: preempted",
        ),
        (
            [pod(reason="UnexpectedAdmissionError", message="no device")],
            "UnexpectedAdmissionError",
            (),
            "the Pod pod-1 failed (UnexpectedAdmissionError): no device",
        ),
        (
            [],
            "JobFailed",
            ("BackoffLimitExceeded",),
            "Job has reached the specified backoff limit; its Pods are gone",
        ),
    ],
)
def test_a_failure(pods: list[Object], kind: str, codes: tuple[str, ...], message: str) -> None:
    end = ending.judge(FAILED, pods)
    assert (end.kind, end.codes, end.message, end.reason) == (kind, codes, message, Reason.ERROR)


def test_the_container_that_failed_first_is_to_blame() -> None:
    late = terminated(137, "main", finishedAt="2026-11-28T10:00:09Z")
    early = terminated(2, "side", finishedAt="2026-11-28T10:00:03Z")
    assert ending.judge(FAILED, [pod(late, early)]).where == Where("pod-1", "side")


def test_an_init_container_is_told_as_well() -> None:
    found = ending.judge(FAILED, [pod(initContainerStatuses=[terminated(4, "setup")])])
    assert found.message == "container setup exited with code 4"


def test_the_youngest_pod_counts() -> None:
    old = pod(terminated(1), name="old", made="2026-11-28T09:00:00Z")
    new = pod(terminated(2), name="new", made="2026-11-28T10:00:00Z")
    assert ending.judge(FAILED, [new, old]).where == Where("new", "main")


def test_a_container_that_is_started_again_tells_how_it_ended_before() -> None:
    again = {**terminated(5, state="lastState"), "state": {"running": {}}}
    assert ending.judge(FAILED, [pod(again, phase="Running")]).codes == ("exit:5",)


def test_a_deadline_is_a_timeout() -> None:
    told = job(condition("Failed", reason="DeadlineExceeded", message="Job was active longer than specified deadline"))
    for pods in ([], [pod(terminated(143))]):
        end = ending.judge(told, pods)
        assert (end.kind, end.reason) == ("DeadlineExceeded", Reason.TIMEOUT)
        assert end.message == "Job was active longer than specified deadline"


def waits(reason: str, message: str = "") -> Object:
    return pod({"name": "main", "state": {"waiting": {"reason": reason, "message": message}}}, phase="Pending")


@pytest.mark.parametrize("reason", sorted(ending.STUCK))
def test_a_container_that_does_not_start_by_itself(reason: str) -> None:
    wait = ending.waiting(job(), [waits(reason, "Back-off")])
    assert wait is not None
    assert (wait.stuck, wait.kind) == (True, reason)
    assert wait.message == f"container main of the Pod pod-1 does not start ({reason}): Back-off"


def test_what_is_waited_for() -> None:
    assert ending.waiting(job(), []) is None
    assert ending.waiting(job(), [waits("ContainerCreating")]) is None
    assert ending.waiting(job(), [pod(phase="Running")]) is None
    queued = ending.waiting(job(condition("Suspended")), [])
    assert queued is not None
    assert not queued.stuck
    unplaced = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    found = ending.waiting(job(), [pod(phase="Pending", conditions=[unplaced])])
    assert found is not None
    assert (found.stuck, found.message) == (False, "the Pod pod-1 waits for a node: 0/3 nodes")


def test_a_message_of_others_is_cut() -> None:
    end = ending.judge(FAILED, [pod(terminated(1, message="x" * 10_000))])
    assert len(end.message) < 600
