"""What a person does and sees with kubectl."""

import os
import re
import subprocess
import time

import pytest
import yaml

from eventually import eventually
from integration.installation import Installation
from integration.objects import Object, scheduled
from integration.rights import may
from kronstream.dev.kubectl import Kubectl, KubectlError

JOB = """
apiVersion: kronstream.dev/v1
kind: ScheduledJob
metadata: {name: heartbeat, namespace: default}
spec:
  every: 1s
  handler: {function: {name: "probe:note"}}
  payload: {greeting: hello, nested: {list: [1, 2.5, true, "x"]}}
  tags: [demo]
"""


@pytest.fixture
def heartbeat(installation: Installation) -> Object:
    """A job that kubectl applied and that has run three times."""
    installation.apply(scheduled("other", every="1h", suspend=True))  # so that the end of the test cleans up
    installation.plane.kubectl("apply", "-f", "-", stdin=JOB)
    job = yaml.safe_load(JOB)
    return installation.wait(job, lambda found: found["status"]["runs"]["succeeded"] >= 3)


def cells(kubectl: Kubectl, *options: str) -> dict[str, str]:
    """The printed row of the job, by column."""
    head, line = kubectl("get", "sched", "heartbeat", *options).splitlines()
    starts = [head.index(name) for name in head.split()]
    ends = [*starts[1:], len(line) + 1]
    return {name: line[start:end].strip() for name, start, end in zip(head.split(), starts, ends, strict=True)}


def test_wait_for_ready(installation: Installation) -> None:
    (job,) = installation.apply(scheduled("awaited", every="1h"))
    begin = time.monotonic()

    said = installation.plane.kubectl("wait", "--for=condition=Ready", "sched/awaited", "--timeout=60s")

    assert "condition met" in said
    assert time.monotonic() - begin < 30
    assert installation.objects.get(job)["status"]["observedGeneration"] == 1


def test_the_table_tells_what_happened_and_what_comes_next(installation: Installation, heartbeat: Object) -> None:
    row = cells(installation.plane.kubectl)

    assert (row["SCHEDULE"], row["SUSPENDED"], row["STATUS"], row["FAILED"]) == ("1s", "No", "success", "0")
    assert int(row["OK"]) >= 3
    assert row["NEXT"].endswith("Z")
    assert re.fullmatch(r"[12]?\ds", row["LAST"])

    wide = cells(installation.plane.kubectl, "-o", "wide")
    assert (wide["HANDLER"], wide["PRIORITY"], wide["QUEUE"]) == ("probe:note", "medium", "default")
    assert wide["REASON"] == "Scheduled"


def test_diff_stays_empty_after_many_runs(installation: Installation, heartbeat: Object) -> None:
    kubectl = installation.plane.kubectl

    assert kubectl("diff", "-f", "-", stdin=JOB) == ""
    assert kubectl("diff", "--server-side", "--field-manager=gitops", "-f", "-", stdin=JOB) == ""
    found = installation.objects.get(heartbeat)
    assert found["metadata"]["generation"] == 1
    assert "finalizers" not in found["metadata"]
    assert set(found["metadata"]["annotations"]) == {"kubectl.kubernetes.io/last-applied-configuration"}


def test_a_watch_of_the_table_follows_the_runs(installation: Installation, heartbeat: Object) -> None:
    kubectl = installation.plane.kubectl
    command = [str(kubectl.path), f"--kubeconfig={kubectl.kubeconfig}", "get", "sched", "heartbeat", "-w"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as watching:
        assert watching.stdout is not None
        try:
            rows = [watching.stdout.readline() for _ in range(4)]  # the head and three states
        finally:
            watching.kill()

    assert rows[0].startswith("NAME")
    assert len(set(rows[1:])) == 3


def test_describe_shows_events(installation: Installation) -> None:
    broken = scheduled("broken", function="probe:raise", every="1s", retry={"limit": 0})
    (job,) = installation.apply(broken)
    installation.wait(job, lambda found: found["status"]["runs"]["failed"] >= 2)

    said = eventually(lambda: _described(installation, "RunFailed"), within=20)

    assert "the cellar is flooded" in said
    assert "kronstream-operator" in said
    assert [event["reason"] for event in installation.objects.events(job)] == ["RunFailed"]

    installation.objects.patch(job, handler={"function": {"name": "echo"}})
    eventually(lambda: _described(installation, "RunSucceeded"), within=20)


def _described(installation: Installation, word: str) -> str:
    said = installation.plane.kubectl("describe", "sched", "broken")
    return said if word in said else ""


def test_edit_suspend_and_delete(installation: Installation, heartbeat: Object) -> None:
    kubectl = installation.plane.kubectl

    kubectl("patch", "sched", "heartbeat", "--type=merge", "-p", '{"spec": {"suspend": true}}')
    eventually(lambda: cells(kubectl)["NEXT"] == "" and cells(kubectl)["SUSPENDED"] == "Spec", within=20)
    kubectl("apply", "-f", "-", stdin=JOB.replace("every: 1s", "every: 1h\n  suspend: false"))
    eventually(lambda: cells(kubectl)["NEXT"].endswith("Z") and cells(kubectl)["SCHEDULE"] == "1h", within=20)
    kubectl("delete", "sched", "heartbeat", "--timeout=10s")
    uid = heartbeat["metadata"]["uid"]
    eventually(lambda: installation.redis.zscore(installation.keys.jobs, uid) is None, within=20)


def test_who_may_edit_a_namespace_drives_its_jobs_and_no_status(installation: Installation) -> None:
    plane = installation.plane
    plane.kubectl("create", "serviceaccount", "alice")
    plane.kubectl("create", "rolebinding", "alice", "--clusterrole=kronstream-edit", "--serviceaccount=default:alice")
    alice = f"--kubeconfig={plane.kubeconfig_for('alice', 'default')}"
    eventually(lambda: may(plane.kubectl, alice, "create", "sched"))

    plane.kubectl("apply", "-f", "-", alice, stdin=JOB)
    assert "heartbeat" in plane.kubectl("get", "sched", alice)
    status = '{"status": {"seq": 1000000}}'
    with pytest.raises(KubectlError, match="Forbidden"):
        plane.kubectl("patch", "sched", "heartbeat", "--subresource=status", "--type=merge", "-p", status, alice)
    with pytest.raises(KubectlError, match="Forbidden"):
        plane.kubectl("get", "sched", "-A", alice)
    plane.kubectl("delete", "sched", "heartbeat", alice)
