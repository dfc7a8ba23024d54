"""`handler.job` on a real API server with the Job controller; the test plays the kubelet's part."""

import json
import signal
from typing import Any

import pytest

from eventually import eventually
from integration.installation import Installation
from integration.kubelet import Kubelet, template
from integration.objects import MERGE, Object, RefusedError, ready
from kronstream.domain.run import State
from kronstream.ports import Execution


@pytest.fixture
def kubelet(managed: Installation) -> Kubelet:
    return Kubelet(managed.objects)


def batch(name: str, *, retry: int = 0, job: Object | None = None, **spec: Any) -> Object:
    """A ScheduledJob, run only when asked, that makes a Job."""
    handler = {"job": {"template": template(), **(job or {})}}
    backoff = {"initial": "100ms", "max": "100ms"}
    return {
        "apiVersion": "kronstream.dev/v1",
        "kind": "ScheduledJob",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"handler": handler, "retry": {"limit": retry, "backoff": backoff}, **spec},
    }


def begin(managed: Installation, manifest: Object) -> tuple[Object, str]:
    """Apply it and ask for a run; the job and the run."""
    (job,) = managed.apply(manifest)
    job = managed.wait(job, ready, within=20)
    uid = job["metadata"]["uid"]
    return job, managed.ask(lambda service: service.runs.run_now(uid, "once")).run


def record(managed: Installation, job: Object) -> Execution:
    """Of the one run of a job; while it moves from the unfinished to the finished it may be listed as both."""
    found = managed.records(job)
    assert found
    assert len({one.id for one in found}) == 1
    return found[-1]


def over(managed: Installation, job: Object, within: float = 20) -> Execution:
    eventually(lambda: record(managed, job).state.terminal, within=within, because=f"{managed.records(job)}")
    return record(managed, job)


def test_a_success(managed: Installation, kubelet: Kubelet) -> None:
    given = template()
    given["metadata"] = {"labels": {"kueue.x-k8s.io/queue-name": "team-a"}, "annotations": {"example.com/a": "b"}}
    given["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "KRONSTREAM_ATTEMPT", "value": "mine"}]
    job, run = begin(managed, batch("winner", job={"template": given}, payload={"price": "$5 $(HOME)"}))

    made = kubelet.made(job)
    kubelet.ends(kubelet.pod(made))
    found = over(managed, job)

    assert (found.state, found.attempt) == (State.SUCCESS, 1)
    assert found.result == {"job": made["metadata"]["name"], "pods": 1, "exitCode": 0}
    labels, notes = made["metadata"]["labels"], made["metadata"]["annotations"]
    assert labels["kueue.x-k8s.io/queue-name"] == "team-a"
    assert (labels["kronstream.dev/run"], labels["kronstream.dev/job"]) == (run, "winner")
    assert (notes["example.com/a"], notes["kronstream.dev/attempt"]) == ("b", "1")
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["controller"], owner["blockOwnerDeletion"]) == ("ScheduledJob", False, False)
    assert (made["spec"]["backoffLimit"], made["spec"]["template"]["spec"]["restartPolicy"]) == (0, "Never")
    env = {one["name"]: one["value"] for one in made["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["KRONSTREAM_RUN_ID"] == run
    assert env["KRONSTREAM_ATTEMPT"] == "mine"
    assert json.loads(env["KRONSTREAM_PAYLOAD"].replace("$$", "$")) == {"price": "$5 $(HOME)"}
    eventually(lambda: kubelet.made(job)["spec"]["ttlSecondsAfterFinished"] == 300)


def test_the_termination_message_is_the_result(managed: Installation, kubelet: Kubelet) -> None:
    job, _ = begin(managed, batch("speaker"))
    kubelet.ends(kubelet.pod(kubelet.made(job)), message='{"rows": 17}')
    assert over(managed, job).result == {"rows": 17}


def test_an_exit_code_is_tried_again_by_the_policy(managed: Installation, kubelet: Kubelet) -> None:
    job, _ = begin(managed, batch("failing", retry=1))
    kubelet.ends(kubelet.pod(kubelet.made(job)), 3, message="no such table")
    second = kubelet.made(job, 2)
    assert second["metadata"]["name"].endswith("-2")
    kubelet.ends(kubelet.pod(second), 3)

    found = over(managed, job)

    assert (found.state, found.attempt) == (State.FAILED, 2)
    assert found.error is not None
    assert (found.error["type"], found.error["message"]) == ("ExitCode", "container main exited with code 3")
    assert found.attempts[0].error == "ExitCode: container main exited with code 3: no such table"


def test_a_code_that_the_policy_rules_out(managed: Installation, kubelet: Kubelet) -> None:
    manifest = batch("hopeless", retry=3)
    manifest["spec"]["retry"]["notOn"] = ["exit:3", "oom_killed"]
    job, _ = begin(managed, manifest)
    kubelet.ends(kubelet.pod(kubelet.made(job)), 137, "OOMKilled")

    found = over(managed, job)

    assert (found.state, found.attempt) == (State.FAILED, 1)
    assert found.error is not None
    assert found.error["type"] == "OOMKilled"
    assert "more memory than its limit" in found.error["message"]


def test_a_cancelled_run_takes_its_job_along(managed: Installation, kubelet: Kubelet) -> None:
    job, run = begin(managed, batch("cancelled"))
    made = kubelet.made(job)
    kubelet.runs(kubelet.pod(made))

    managed.ask(lambda service: service.runs.cancel([run], "anna"))

    assert over(managed, job).state is State.CANCELLED
    eventually(lambda: kubelet.gone(made))


def test_a_timeout_takes_the_job_along(managed: Installation, kubelet: Kubelet) -> None:
    job, _ = begin(managed, batch("slow", timeout="8s"))
    made = kubelet.made(job)
    found = over(managed, job, within=40)
    assert (found.state, found.reason) == (State.FAILED, "timeout")
    eventually(lambda: kubelet.gone(made))


def test_a_job_that_ends_by_its_own_deadline(managed: Installation, kubelet: Kubelet) -> None:
    job, _ = begin(managed, batch("late", job={"template": template(activeDeadlineSeconds=5)}))
    kubelet.runs(kubelet.pod(kubelet.made(job)))
    found = over(managed, job, within=40)
    assert (found.state, found.reason) == (State.FAILED, "timeout")
    assert found.error is not None
    assert found.error["type"] == "DeadlineExceeded"


def test_a_pod_that_cannot_start(managed: Installation, kubelet: Kubelet) -> None:
    job, _ = begin(managed, batch("unpulled"))
    made = kubelet.made(job)
    pod = kubelet.pod(made)
    kubelet.write(pod, conditions=[{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}])
    eventually(lambda: "0/3 nodes are available" in str(record(managed, job).progress), within=20)
    kubelet.waits(pod, "ImagePullBackOff", 'Back-off pulling image "busybox:1"')

    found = over(managed, job, within=40)

    assert found.error is not None
    assert found.error["type"] == "ImagePullBackOff"
    assert 'Back-off pulling image "busybox:1"' in found.error["message"]
    eventually(lambda: kubelet.gone(made))


def test_a_suspended_job_is_waited_for(managed: Installation, kubelet: Kubelet) -> None:
    job, _ = begin(managed, batch("queued", job={"template": template(suspend=True)}))
    made = kubelet.made(job)
    eventually(lambda: "suspended" in str(record(managed, job).progress), within=20)
    path = f"/apis/batch/v1/namespaces/default/jobs/{made['metadata']['name']}"
    managed.objects.send("PATCH", path, {"spec": {"suspend": False}}, MERGE)
    kubelet.ends(kubelet.pod(made))
    assert over(managed, job).state is State.SUCCESS


def test_a_job_that_somebody_deletes_is_tried_again(managed: Installation, kubelet: Kubelet) -> None:
    job, _ = begin(managed, batch("deleted", retry=1))
    made = kubelet.made(job)
    kubelet.pod(made)
    path = f"/apis/batch/v1/namespaces/default/jobs/{made['metadata']['name']}?propagationPolicy=Background"
    managed.objects.send("DELETE", path)
    eventually(lambda: record(managed, job).attempt == 2, within=20)
    assert "was deleted before it had ended" in record(managed, job).attempts[0].error
    kubelet.ends(kubelet.pod(kubelet.made(job)))
    assert over(managed, job).state is State.SUCCESS


def test_a_quota_that_is_used_up_is_tried_again(managed: Installation, kubelet: Kubelet) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "no-jobs"},
        "spec": {"hard": {"count/jobs.batch": "0"}},
    }
    path = "/api/v1/namespaces/default/resourcequotas"
    managed.objects.send("POST", path, quota)
    try:
        eventually(lambda: managed.objects.send("GET", f"{path}/no-jobs")["status"].get("hard"), within=20)
        job, _ = begin(managed, batch("beyond", retry=1))
        found = over(managed, job)
    finally:
        managed.objects.send("DELETE", f"{path}/no-jobs")
    assert (found.state, found.attempt) == (State.FAILED, 2)
    assert found.error is not None
    assert found.error["type"] == "QuotaExceeded"
    assert "exceeded quota: no-jobs" in found.error["message"]


def test_what_the_api_server_finds_wrong_is_permanent(managed: Installation, kubelet: Kubelet) -> None:
    job, _ = begin(managed, batch("invalid", retry=3, job={"template": template(completions=-1)}))
    found = over(managed, job)
    assert (found.state, found.attempt, found.reason) == (State.FAILED, 1, "permanent")
    assert found.error is not None
    assert "spec.completions" in found.error["message"]


def test_a_template_without_an_image_is_refused_at_apply(managed: Installation) -> None:
    given = template()
    del given["spec"]["template"]["spec"]["containers"][0]["image"]
    with pytest.raises(RefusedError, match=r"containers\[0\].image: Required value"):
        managed.apply(batch("imageless", job={"template": given}))


def test_what_a_scheduled_job_made_goes_with_it(managed: Installation, kubelet: Kubelet) -> None:
    job, _ = begin(managed, batch("owner"))
    made = kubelet.made(job)
    kubelet.ends(kubelet.pod(made))
    assert over(managed, job).state is State.SUCCESS
    managed.delete(job)
    eventually(lambda: kubelet.gone(made), within=60)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "drained"])
def test_another_worker_goes_on_with_the_job(managed: Installation, kubelet: Kubelet, how: int) -> None:
    """The run of a worker that dies, or ends in order, goes on in the same attempt, with the same Job."""
    job, _ = begin(managed, batch(f"orphan-{how}", retry=1, timeout="10m"))
    made = kubelet.made(job)
    pod = kubelet.pod(made)
    kubelet.runs(pod)
    first = eventually(lambda: record(managed, job).worker)
    managed.stop(first, number=how, grace=30)
    try:
        eventually(lambda: record(managed, job).worker not in (None, first), within=40)
        assert record(managed, job).state is State.RUNNING
        assert [one["metadata"]["uid"] for one in kubelet.jobs(job)] == [made["metadata"]["uid"]]
        assert not kubelet.gone(made)
        kubelet.ends(pod)
        found = over(managed, job)
    finally:
        managed.start(first)
    assert (found.state, found.attempt) == (State.SUCCESS, 1)
    assert found.result["job"] == made["metadata"]["name"]
    assert len(kubelet.jobs(job)) == 1


def test_a_loop_process_that_is_killed_costs_no_attempt(managed: Installation, kubelet: Kubelet) -> None:
    job, _ = begin(managed, batch("survivor", retry=1))
    made = kubelet.made(job)
    pod = kubelet.pod(made)
    first = eventually(lambda: record(managed, job).worker)
    managed.allow("the loop process was killed")
    managed.kill_loop(first)
    eventually(lambda: "the loop process was killed" in managed.log(first))
    kubelet.ends(pod)
    found = over(managed, job, within=40)
    assert (found.state, found.attempt) == (State.SUCCESS, 1)
    assert len(kubelet.jobs(job)) == 1


def test_an_api_server_that_is_away_for_a_while(managed: Installation, kubelet: Kubelet) -> None:
    job, _ = begin(managed, batch("patient"))
    made = kubelet.made(job)
    pod = kubelet.pod(made)
    managed.allow("ERROR")
    managed.plane.stop_part("apiserver", signal.SIGKILL)
    managed.plane.start_part("apiserver")
    kubelet.ends(pod)
    assert over(managed, job, within=60).state is State.SUCCESS
    assert len(kubelet.jobs(job)) == 1
    eventually(lambda: all(component.ready() for component in managed.components.values()), 60)
    managed.allow("ERROR")


def test_a_run_that_is_cancelled_while_no_worker_is_there(managed: Installation, kubelet: Kubelet) -> None:
    """The next worker deletes what the dead one had made."""
    job, run = begin(managed, batch("abandoned", retry=1))
    made = kubelet.made(job)
    managed.stop(*managed.workers, number=signal.SIGKILL)
    try:
        eventually(lambda: record(managed, job).state is State.QUEUED, within=30)
        managed.ask(lambda service: service.runs.cancel([run], "anna"))
        assert not kubelet.gone(made)
    finally:
        managed.start(*managed.workers)
    assert over(managed, job).state is State.CANCELLED
    eventually(lambda: kubelet.gone(made))
    assert len(kubelet.jobs(job)) <= 1
