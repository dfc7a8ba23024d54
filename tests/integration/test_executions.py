"""Executions by kubectl on the real API server: every command that people use, and who may use it."""

import json
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from eventually import eventually
from integration.executions import BASE, Served
from integration.objects import Object, scheduled
from integration.rights import may
from kronstream.dev.controlplane import ControlPlane
from kronstream.dev.kubectl import Kubectl, KubectlError
from kronstream.streams.keys import Keys

TEAM = "team"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with ControlPlane(aggregation=True) as plane, Served(plane) as served:
        plane.kubectl("create", "namespace", TEAM)
        yield served
        complaints = served.installation.complaints()
        assert not complaints, "\n".join(complaints)
        assert " ERROR " not in served.log
        assert "Traceback" not in served.log


@pytest.fixture(scope="module")
def jobs(served: Served) -> tuple[Object, Object]:
    """Two jobs in namespace team with three successful runs and one that failed, and one run of the other."""
    good = scheduled("reports", TEAM, every="1s", endAfter={"runs": 3}, history={"successful": 100, "failed": 100})
    bad = scheduled("broken", TEAM, function="probe:raise", retry={"limit": 0})
    made = served.installation.apply(good, bad)
    served.run(TEAM, "broken")
    eventually(lambda: len(states(served)) == 4 and set(states(served)) == {"success", "failed"}, within=20)
    return made[0], made[1]


def states(served: Served, *arguments: str) -> list[str]:
    return [one["status"]["state"] for one in served.executions("-n", TEAM, *arguments)]


def refused(kubectl: Kubectl, *arguments: str, stdin: str | None = None) -> str:
    with pytest.raises(KubectlError) as caught:
        kubectl(*arguments, stdin=stdin)
    return caught.value.said


def test_get_prints_a_table(served: Served, jobs: tuple[Object, Object]) -> None:
    header, *rows = served.kubectl("get", "executions", "-n", TEAM).splitlines()
    assert header.split() == ["NAME", "JOB", "STATUS", "TRIGGER", "DUE", "STARTED", "DURATION", "ATTEMPT"]
    assert [row.split()[1:4] for row in rows] == [
        ["broken", "failed", "manual"],
        *[["reports", "success", "schedule"]] * 3,
    ]
    due = [row.split()[4] for row in rows[1:]]
    assert due == sorted(due, reverse=True)
    wide = served.kubectl("get", "kex", "-n", TEAM, "-o", "wide").splitlines()
    assert wide[0].split()[-3:] == ["WORKER", "REASON", "MESSAGE"]
    assert "worker-1" in wide[1]
    assert "error" in wide[1]
    everywhere = served.kubectl("get", "kex", "-A").splitlines()
    assert everywhere[0].split()[0] == "NAMESPACE"
    assert len(everywhere) == 5
    assert "execution.runs.kronstream.dev/" in served.kubectl("get", "kronstream", "-n", TEAM)
    assert served.kubectl("get", "kex", "-n", "default") == ""


def test_the_short_name_is_nobody_elses(served: Served) -> None:
    listed = served.kubectl("api-resources", "--no-headers").splitlines()
    assert [line.split()[0] for line in listed if line.split()[1] == "kex" or line.split()[0] == "kex"] == [
        "executions"
    ]


def test_one_execution_as_yaml_and_described(served: Served, jobs: tuple[Object, Object]) -> None:
    (failed,) = served.executions("-n", TEAM, "--field-selector", "status.state=failed")
    name = failed["metadata"]["name"]
    told = served.kubectl("get", "kex", "-n", TEAM, name, "-o", "yaml")
    assert "kind: Execution" in told
    assert "requestedBy: kronstream-admin" in told
    assert "traceback: " in told
    described = served.kubectl("describe", "execution", "-n", TEAM, name)
    assert "State:      " in described or "State: " in described
    assert "failed" in described
    assert name in described
    assert (
        failed["metadata"]["uid"]
        == served.executions("-n", TEAM, "--field-selector", f"metadata.name={name}")[0]["metadata"]["uid"]
    )
    assert "ownerReferences" not in failed["metadata"]
    assert "NotFound" in refused(served.kubectl, "get", "kex", "-n", "default", name)
    assert "NotFound" in refused(served.kubectl, "get", "kex", "-n", TEAM, "nothing")


def test_explain(served: Served) -> None:
    assert "run a job now" in served.explain("executions")
    assert "retryOf" in served.explain("executions.spec")
    assert "FIELD: startedAt <string>" in served.explain("kex.status.startedAt")


def test_selectors(served: Served, jobs: tuple[Object, Object]) -> None:
    label, field = "-l", "--field-selector"
    assert states(served, label, "kronstream.dev/job=reports") == ["success"] * 3
    assert states(served, label, "kronstream.dev/job in (reports,broken),kronstream.dev/status!=success") == ["failed"]
    assert states(served, label, "kronstream.dev/trigger=manual") == ["failed"]
    assert states(served, label, "kronstream.dev/job,!nothing") == ["failed", *["success"] * 3]
    assert states(served, field, "status.state=success,spec.job=reports") == ["success"] * 3
    assert states(served, field, "spec.job=reports,status.state!=success") == []
    assert states(served, field, "spec.job=nothing") == []
    assert len(served.executions("-A", field, "spec.job=reports")) == 3
    said = refused(served.kubectl, "get", "kex", "-n", TEAM, field, "spec.colour=red")
    assert "field label not supported: spec.colour; write one of metadata.name" in said


@pytest.mark.parametrize("size", ["1", "2", "3", "500"])
def test_pages_are_one_list(served: Served, jobs: tuple[Object, Object], size: str) -> None:
    whole = [one["metadata"]["name"] for one in served.executions("-n", TEAM)]
    assert len(set(whole)) == 4
    named = served.kubectl("get", "kex", "-n", TEAM, f"--chunk-size={size}", "-o", "name").split()
    assert [name.partition("/")[2] for name in named] == whole
    assert len(served.kubectl("get", "kex", "-A", f"--chunk-size={size}").splitlines()) == 5


def test_a_page_is_asked_for_raw(served: Served, jobs: tuple[Object, Object]) -> None:
    path = f"{BASE}/namespaces/{TEAM}/executions"
    first = json.loads(served.kubectl("get", "--raw", f"{path}?limit=3"))
    assert len(first["items"]) == 3
    rest = json.loads(served.kubectl("get", "--raw", f"{path}?limit=3&continue={first['metadata']['continue']}"))
    assert len(rest["items"]) == 1
    assert int(rest["metadata"]["resourceVersion"]) > max(
        int(item["metadata"]["resourceVersion"]) for item in (*first["items"], *rest["items"])
    )
    said = refused(served.kubectl, "get", "--raw", f"{path}?continue=nonsense")
    assert "continue: is not what a list of these gave" in said


def test_create_runs_a_job_now_with_its_own_payload(served: Served, jobs: tuple[Object, Object]) -> None:
    served.installation.apply(scheduled("on-demand", payload={"a": 1, "b": 2}))
    name = served.run("default", "on-demand", payload={"a": 3}, mergePayload=True)
    served.kubectl("wait", "--for=condition=Finished", f"execution/{name}", "--timeout=10s")
    (found,) = served.executions("--field-selector", f"metadata.name={name}")
    assert found["status"]["result"] == {"a": 3, "b": 2}
    assert found["spec"]["requestedBy"] == "kronstream-admin"
    again = served.create(retryOf=name)
    served.kubectl("wait", "--for=jsonpath={.status.state}=success", f"execution/{again}", "--timeout=10s")
    (retried,) = served.executions("--field-selector", f"spec.retryOf={name}")
    assert retried["metadata"]["name"] == again
    assert retried["status"]["result"] == {"a": 3, "b": 2}


def test_a_name_that_was_given_starts_one_run(served: Served, jobs: tuple[Object, Object]) -> None:
    name = served.create(TEAM, name="monday", job="broken")
    with pytest.raises(KubectlError, match=rf"AlreadyExists.*under this name {name} was started"):
        served.create(TEAM, name="monday", job="broken")
    planned = served.create(TEAM, "--dry-run=server", name="tuesday", job="broken")
    assert "NotFound" in refused(served.kubectl, "get", "kex", "-n", TEAM, planned)
    assert served.create(TEAM, name="tuesday", job="broken") == planned
    for run in (name, planned):
        served.kubectl("wait", "-n", TEAM, "--for=condition=Finished", f"execution/{run}", "--timeout=10s")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({}, "write job: the ScheduledJob to run now, or retryOf"),
        ({"job": "nothing"}, 'scheduledjobs.kronstream.dev "nothing" not found'),
        ({"retryOf": "nothing"}, "there is no execution 'nothing' in namespace team"),
        ({"job": "broken", "trigger": "manual"}, "spec.trigger: cannot be given; write job, payload"),
        ({"job": ["broken"]}, "spec.job: write a text"),
    ],
)
def test_what_cannot_be_created_is_told(
    served: Served, jobs: tuple[Object, Object], spec: dict[str, object], said: str
) -> None:
    with pytest.raises(KubectlError) as caught:
        served.create(TEAM, **spec)
    assert said in caught.value.said


def test_delete_cancels_a_run_and_does_not_wait_for_its_record_to_go(served: Served) -> None:
    served.installation.apply(scheduled("slow", TEAM, function="probe:sleep", payload={"seconds": 60}, queue="default"))
    name = served.run(TEAM, "slow")
    eventually(lambda: states(served, "--field-selector", f"metadata.name={name}") == ["running"])
    begin = time.monotonic()
    assert "deleted" in served.kubectl("delete", "execution", "-n", TEAM, name, limit=20)
    assert time.monotonic() - begin < 10
    eventually(lambda: states(served, "--field-selector", f"metadata.name={name}") == ["cancelled"], within=20)
    assert "is over (cancelled): there is nothing to cancel" in refused(
        served.kubectl, "delete", "kex", "-n", TEAM, name
    )


def test_a_watch_tells_what_becomes_of_a_run(served: Served) -> None:
    served.installation.apply(scheduled("watched", function="probe:sleep", payload={"seconds": 6}))
    command = [str(served.kubectl.path), f"--kubeconfig={served.kubectl.kubeconfig}", "get", "kex", "-w"]
    command += ["--field-selector", "spec.job=watched"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name = served.run("default", "watched")
        rows: list[list[str]] = []
        while not rows or rows[-1][2] not in ("success", "failed"):
            line = process.stdout.readline()
            assert line
            if line.startswith(name):
                rows.append(line.split())
        process.kill()
    # what changed while the list was read is told again
    states = [state for state, _ in groupby(row[2] for row in rows)]
    assert states in (["queued", "running", "success"], ["running", "success"])


# -- who may ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def viewer(served: Served) -> Kubectl:
    """Somebody who may view namespace team and nothing else."""
    return _bound(served, "viewer", "view")


def _bound(served: Served, name: str, role: str) -> Kubectl:
    kubectl = served.kubectl
    kubectl("create", "serviceaccount", name, "-n", TEAM)
    kubectl("create", "rolebinding", name, f"--clusterrole={role}", f"--serviceaccount={TEAM}:{name}", "-n", TEAM)
    # the roles of deploy/ are put into view and edit by a controller: here they are bound by name, too
    ours = f"kronstream-runs-{role}"
    kubectl(
        "create", "rolebinding", f"{name}-runs", f"--clusterrole={ours}", f"--serviceaccount={TEAM}:{name}", "-n", TEAM
    )
    user = Kubectl(kubectl.path, served.plane.kubeconfig_for(name, TEAM), {})
    eventually(lambda: may(user, "list", "executions.runs.kronstream.dev", "-n", TEAM))
    return user


def test_a_viewer_reads_his_namespace_and_changes_nothing(
    served: Served, jobs: tuple[Object, Object], viewer: Kubectl
) -> None:
    assert len(served.executions("-n", TEAM, "-l", "kronstream.dev/job=reports", kubectl=viewer)) == 3
    assert "Forbidden" in refused(viewer, "get", "kex", "-n", "default")
    assert "Forbidden" in refused(viewer, "get", "kex", "-A")
    name = served.executions("-n", TEAM)[0]["metadata"]["name"]
    assert "Forbidden" in refused(viewer, "delete", "kex", "-n", TEAM, name)
    body = {"apiVersion": "runs.kronstream.dev/v1", "kind": "Execution", "metadata": {"generateName": "x-"}}
    said = refused(viewer, "create", "-n", TEAM, "-f", "-", stdin=json.dumps({**body, "spec": {"job": "broken"}}))
    assert 'cannot create resource "executions" in API group "runs.kronstream.dev"' in said


def test_an_editor_runs_jobs_under_his_own_name(served: Served, jobs: tuple[Object, Object]) -> None:
    editor = _bound(served, "editor", "edit")
    body = {"apiVersion": "runs.kronstream.dev/v1", "kind": "Execution", "metadata": {"generateName": "x-"}}
    said = editor("create", "-n", TEAM, "-o", "name", "-f", "-", stdin=json.dumps({**body, "spec": {"job": "broken"}}))
    name = said.strip().partition("/")[2]
    editor("wait", "-n", TEAM, "--for=condition=Finished", f"execution/{name}", "--timeout=10s")
    (found,) = served.executions("-n", TEAM, "--field-selector", f"metadata.name={name}")
    assert found["spec"]["requestedBy"] == f"system:serviceaccount:{TEAM}:editor"


def test_only_kube_apiserver_is_answered(served: Served, tmp_path: Path) -> None:
    path = f"{BASE}/namespaces/default/executions"
    status, told = served.direct(path, X_Remote_User="system:admin", X_Remote_Group="system:masters")
    assert (status, told["reason"], told["kind"]) == (401, "Unauthorized", "Status")
    front = served.plane.folder / "pki" / "front-proxy"
    status, told = served.direct(path, (front / "client.crt", front / "client.key"), X_Remote_User="anna")
    assert (status, told["kind"]) == (200, "ExecutionList")
    status, told = served.direct(path, (front / "client.crt", front / "client.key"))
    assert status == 401
    # signed by the cluster's authority, which is not that of its proxy
    admin = served.plane.folder / "pki"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        served.direct(path, (admin / "admin.crt", admin / "admin.key"), X_Remote_User="anna")


def test_the_executions_of_a_deleted_job_are_listed(served: Served) -> None:
    (job,) = served.installation.apply(scheduled("former", TEAM))
    name = served.run(TEAM, "former")
    served.kubectl("wait", "-n", TEAM, "--for=condition=Finished", f"execution/{name}", "--timeout=20s")
    served.installation.delete(job)
    eventually(lambda: served.installation.redis.exists(served.installation.keys.past(job["metadata"]["uid"])))
    labels = "kronstream.dev/job=former,kronstream.dev/status=success"
    for arguments in ((), ("--field-selector", "spec.job=former"), ("-l", labels)):
        assert name in [one["metadata"]["name"] for one in served.executions("-n", TEAM, *arguments)]
    assert "not found" in refused(
        served.kubectl, "create", "-n", TEAM, "-f", "-",
        stdin=json.dumps({"apiVersion": "runs.kronstream.dev/v1", "kind": "Execution",
                          "metadata": {"generateName": "now-"}, "spec": {"job": "former"}}),
    )  # fmt: skip


def told(served: Served) -> bool:
    """Whether executions are told; kubectl fails as long as Redis is away, or was when it was looked at last."""
    try:
        return bool(served.executions("-n", TEAM))
    except KubectlError:
        return False


def test_without_redis_discovery_goes_on(served: Served) -> None:
    plane = served.plane
    plane.stop_part("redis")
    try:
        eventually(lambda: "Redis is away" in refused(served.kubectl, "get", "kex"), within=20)
        assert "executions" in served.kubectl("api-resources", "--api-group=runs.kronstream.dev")
        assert served.available()
        assert "ScheduledJob" in served.kubectl("api-resources", "--api-group=kronstream.dev")
    finally:
        plane.start_part("redis")
    eventually(lambda: told(served), within=30)


def test_of_another_clusters_data_nothing_is_told(served: Served, jobs: tuple[Object, Object]) -> None:
    """Discovery goes on: an APIService that is away would stop the deletion of namespaces."""
    redis, owner = served.installation.redis, Keys().installation
    mine, other = eventually(lambda: redis.get(owner)), "00000000-0000-4000-8000-000000000000"
    served.installation.stop("operator-1", number=signal.SIGKILL)  # in order, it would withdraw the APIService
    redis.set(owner, other)
    try:
        eventually(lambda: f"belongs to installation {other}, and this is {mine}" in served.log, within=10)
        eventually(lambda: f"belongs to installation {other}" in refused(served.kubectl, "get", "kex", "-n", TEAM))
        assert served.available()
        assert "executions" in served.kubectl("api-resources", "--api-group=runs.kronstream.dev")
        assert served.log.count(f"nothing of Redis is told: the data of stream {Keys().base} belongs to") == 1
    finally:
        redis.set(owner, mine)
        served.installation.start("operator-1")
    eventually(lambda: told(served), within=30)
