"""The rights that the chart gives are those that are used: each component runs with a token of its own account."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
import yaml

from eventually import eventually
from integration.auditing import ChartPlane, Right, covered, granted
from integration.calls import Calls
from integration.charting import Helm
from integration.eventbench import event, listening, send
from integration.executions import APISERVICE
from integration.httphook import Hook
from integration.installation import Installation
from integration.kubelet import Kubelet, template
from integration.objects import MERGE, Object, Objects, RefusedError, ready, scheduled
from integration.rights import may
from integration.test_workflow_resources import GROUP, crd, flow, made, tell
from kronstream.dev.controlplane import NAMESPACE
from kronstream.dev.extension import Extension
from kronstream.dev.kubectl import KubectlError
from kronstream.domain.run import State

VALUES = {
    "redis": {"host": "redis"},
    # of the two the narrower, the same rules as Roles: a test below compares them; all other tests have ClusterRoles
    "namespaces": ["default"],
    "runs": {"enabled": True},
    "workers": [{"name": "default", "rights": {"jobs": True, "impersonate": ["default/maker"]}}],
}
RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
ENVIRON = {
    "KRONSTREAM_NAMESPACES": "default",
    "KRONSTREAM_JOB_PATIENCE": "2s",
    "KRONSTREAM_WORKFLOW_KINDS": "widgets.kronstream.test/v1",
    "KRONSTREAM_RUNS_PATIENCE": "5s",
    "KRONSTREAM_HTTP_ALLOW": "127.0.0.0/8",
}
MAY_MAKE = ("create", "widgets.kronstream.test", "--as=system:serviceaccount:default:maker")
ACCOUNTS = ("operator", "api", "worker", "runs", "withdraw")
APISERVICES = "apiservices"
# granted rights that no line of the audit log shows, each with its reason
RARE: dict[str, dict[Right, str]] = {
    "operator": {
        Right("apiregistration.k8s.io", APISERVICES, "create", APISERVICE): "server-side apply of what is not there is "
        "authorised as create, too, and written down as patch",
    }
}


class Site:
    """One of each component on a plane, each with the token of its chart account; a context manager."""

    def __init__(self, plane: ChartPlane) -> None:
        self.plane = plane
        self.extension = Extension(plane)
        self.server = self.extension.component()
        environ = {**ENVIRON, **self.extension.operator_environ}
        self.installation = Installation(plane, operators=1, routers=1, workers=1, apis=["token"], environ=environ)
        self.objects = self.installation.objects

    def __enter__(self) -> Self:
        self.plane.apply(json.dumps(self.extension.service))
        self.server.process.start()
        try:
            self.installation.__enter__()
            self.server.process.wait_until(self.server.ready, 30)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all; may be repeated."""
        self.installation.close()
        self.server.process.stop()

    def begin(self, job: Object) -> tuple[Object, str]:
        """Apply a job and ask for a run of it."""
        (made,) = self.installation.apply(job)
        uid = self.installation.wait(made, ready, within=30)["metadata"]["uid"]
        return made, self.installation.ask(lambda service: service.runs.run_now(uid, "once")).run

    def over(self, job: Object) -> State:
        """How the one run of a job ended."""
        found = eventually(
            lambda: [run.state for run in self.installation.records(job) if run.state.terminal], 40,
            because=f"{self.installation.records(job)}",
        )  # fmt: skip
        return found[0]


def walk(site: Site) -> None:
    """Everything that needs the API server, once."""
    scheduling(site)
    events(site)
    calls(site)
    batch_jobs(site)
    as_another(site)
    executions(site)


def scheduling(site: Site) -> None:
    """Watched, fired, told in status and Events; paused by ConfigMap; deleted when its time is over."""
    objects = site.objects
    (job,) = site.installation.apply(scheduled("fires", every="1s"))
    job = site.installation.wait(job, lambda found: found["status"]["runs"]["succeeded"], within=30)
    # a status that is ahead of the store's: it is read, and written over
    ahead = {"status": {**job["status"], "seq": job["status"]["seq"] + 1_000}}
    path = f"/apis/kronstream.dev/v1/namespaces/default/scheduledjobs/{job['metadata']['name']}/status"
    objects.send("PATCH", path, ahead, MERGE)
    site.installation.wait(job, lambda found: found["status"]["seq"] > ahead["status"]["seq"], within=30)
    (bad,) = site.installation.apply(scheduled("raises", function="probe:raise", every="1s", retry={"limit": 0}))
    eventually(lambda: objects.events(bad), 30)
    (leaving,) = site.installation.apply(scheduled("goes", runAt="2020-01-01T00:00:00Z", ttlAfterFinished="1s"))
    eventually(lambda: gone(objects, leaving), 40)
    # what is left of a deleted job's history is kept for as long as its namespace is there
    objects.delete(job)
    asked = Right("", "namespaces", "get", "default", "default")
    eventually(lambda: asked in {right for right, _ in site.plane.used("kronstream-operator")}, 40)
    pauses = {"metadata": {"name": "kronstream-pauses"}, "data": {"Not.A.Namespace": "held"}}
    objects.send("POST", f"/api/v1/namespaces/{NAMESPACE}/configmaps", pauses)

    def told() -> bool:
        """Whether there was an Event about it."""
        used = (right for right, _ in site.plane.used("kronstream-operator"))
        return any((one.resource, one.verb, one.place) == ("events", "create", NAMESPACE) for one in used)

    eventually(told, 40)


def gone(objects: Objects, job: Object) -> bool:
    """Whether it was deleted."""
    try:
        objects.get(job)
    except RefusedError as error:
        return error.status == 404
    return False


def events(site: Site) -> None:
    """A handler makes a job; its status is told, and told again where it was ahead."""
    objects = site.objects
    action = {"createJob": {"handler": {"function": {"name": "echo"}}, "ttlAfterFinished": "1h"}}
    spec = {"event": "walk.done", "action": action}
    meta = {"name": "makes", "namespace": "default"}
    (handler,) = site.installation.apply(
        {"apiVersion": "kronstream.dev/v1", "kind": "EventHandler", "metadata": meta, "spec": spec}
    )
    site.installation.wait(handler, listening, within=30)
    send(site.installation, event("walk.done"))
    found = site.installation.wait(handler, lambda one: one["status"]["successCount"], within=30)
    ahead = {"status": {**found["status"], "seq": found["status"]["seq"] + 1_000}}
    objects.send("PATCH", "/apis/kronstream.dev/v1/namespaces/default/eventhandlers/makes/status", ahead, MERGE)
    send(site.installation, event("walk.done"))
    site.installation.wait(handler, lambda one: one["status"]["seq"] > ahead["status"]["seq"], within=30)


def calls(site: Site) -> None:
    """The API: who calls is asked about; jobs are made, read, given another time, deleted."""
    objects, account = site.objects, "/api/v1/namespaces/default/serviceaccounts"
    objects.send("POST", account, {"metadata": {"name": "caller"}})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "kronstream-edit"}
    subject = {"kind": "ServiceAccount", "name": "caller", "namespace": "default"}
    objects.send("POST", f"{RBAC}/rolebindings", {"metadata": {"name": "c"}, "roleRef": role, "subjects": [subject]})
    token = objects.send("POST", f"{account}/caller/token", {"spec": {}})["status"]["token"]
    with Calls(site.installation.url("api-1"), token) as caller:
        made = eventually(lambda: caller.make(name="by call"), 20)
        listed = eventually(lambda: caller.get("/jobs").json(), 20)
        assert listed
        answer = caller.put(f"/jobs/{made['id']}/schedule", json={"schedule": "0 3 * * *"})
        assert answer.status_code == 200, answer.text
        answer = caller.delete(f"/jobs/{made['id']}")
        assert answer.status_code == 204, answer.text


def batch_jobs(site: Site) -> None:
    """handler.job: a success, a failure with its log, and one that is cancelled."""
    kubelet = Kubelet(site.objects)
    for name, code in (("good", 0), ("bad", 3)):
        job, _ = site.begin(batch(name))
        kubelet.ends(kubelet.pod(kubelet.made(job)), code)
        assert site.over(job) is (State.FAILED if code else State.SUCCESS)
    job, run = site.begin(batch("stopped"))
    made = kubelet.made(job)
    kubelet.runs(kubelet.pod(made))
    site.installation.ask(lambda service: service.runs.cancel([run], "test"))
    eventually(lambda: kubelet.gone(made), 30)


def batch(name: str) -> Object:
    """A job, run when asked, that makes a Job."""
    made = scheduled(name, retry={"limit": 0})
    made["spec"]["handler"] = {"job": {"template": template()}}
    return made


def as_another(site: Site) -> None:
    """handler.workflow.resource makes a resource, and handler.http reads a Secret, as the account maker."""
    objects = site.objects
    objects.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd("Widget", "widgets"))
    eventually(lambda: site.plane.api.ok(f"/apis/{GROUP}/v1/widgets"), 20)
    objects.send("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "maker"}})
    rules = [
        {"apiGroups": [GROUP], "resources": ["widgets"], "verbs": ["create", "get", "delete"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["hook"], "verbs": ["get"]},
    ]
    objects.send("POST", f"{RBAC}/roles", {"metadata": {"name": "maker"}, "rules": rules})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "maker"}
    subject = {"kind": "ServiceAccount", "name": "maker", "namespace": "default"}
    objects.send("POST", f"{RBAC}/rolebindings", {"metadata": {"name": "m"}, "roleRef": role, "subjects": [subject]})
    eventually(lambda: may(site.plane.kubectl, *MAY_MAKE), 20)
    data = {"token": base64.b64encode(b"Bearer hunter2").decode()}
    objects.send("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "hook"}, "data": data})
    job, run = site.begin(flow("flows"))
    tell(site.installation, made(site.installation, run), phase="Succeeded")
    assert site.over(job) is State.SUCCESS
    with Hook() as hook:
        asks = scheduled("asks", serviceAccountName="maker", retry={"limit": 0})
        header = {"name": "Authorization", "secretKeyRef": {"name": "hook", "key": "token"}}
        asks["spec"]["handler"] = {"http": {"url": f"{hook.url}/hook", "headersFrom": [header]}}
        job, _ = site.begin(asks)
        assert site.over(job) is State.SUCCESS
        assert hook.calls[0].headers["authorization"] == "Bearer hunter2"


def said(site: Site, *words: str) -> str:
    """What kubectl prints, nothing where it fails, as of what is not served yet."""
    try:
        return site.plane.kubectl(*words)
    except KubectlError:
        return ""


def executions(site: Site) -> None:
    """kubectl get executions; the APIService is removed when its server is away."""
    eventually(lambda: "fires" in said(site, "get", "executions"), 40)
    site.server.process.stop()
    eventually(lambda: APISERVICE not in (said(site, "get", "apiservices", "-o", "name") or APISERVICE), 40)
    # what a hook of `helm uninstall` runs
    environ = {**os.environ, "KUBECONFIG": str(site.plane.kubeconfig_for("kronstream-withdraw"))}
    hook = [sys.executable, "-m", "kronstream.cli.chart", "withdraw"]
    done = subprocess.run(hook, env=environ, capture_output=True, text=True, check=True)
    assert "was not there" in done.stdout


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChartPlane]:
    with ChartPlane(tmp_path_factory.mktemp("chart"), VALUES) as plane:
        yield plane


@pytest.fixture(scope="module")
def site(plane: ChartPlane) -> Iterator[Site]:
    with Site(plane) as site:
        yield site


def test_granted_is_used_and_nothing_else(site: Site, plane: ChartPlane) -> None:
    walk(site)
    site.close()  # what was watched is written down when it ends

    found = {account: differences(plane, account) for account in ACCOUNTS}

    nothing: dict[str, set[Right]] = {"lacking": set(), "beyond": set(), "unused": set()}
    assert found == {account: nothing | {"unused": set(RARE.get(account, ()))} for account in ACCOUNTS}


def differences(plane: ChartPlane, account: str) -> dict[str, set[Right]]:
    """Rights that were refused, that others than the chart gave, and that nothing used."""
    done = list(plane.used(f"kronstream-{account}"))
    refused = {right for right, event in done if event.get("responseStatus", {}).get("code") == 403}
    given = granted(plane.rendered, f"kronstream-{account}")
    used = covered((right for right, _ in done), given)
    if account == "runs":
        # of the cluster's own role for those whom kube-apiserver passes requests on to
        used = {right for right in used if right.resource != "configmaps"}
    return {"lacking": refused, "beyond": used - given, "unused": given - used}


def test_in_the_whole_cluster_they_have_the_same_rights(plane: ChartPlane, tmp_path: Path) -> None:
    """But for which cluster this is, which whoever asks about every namespace may read anyway."""
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({**VALUES, "namespaces": []}))
    everywhere = Helm(tmp_path / "helm").render(values=values, namespace=NAMESPACE)

    def rules(objects: list[Object], account: str) -> set[Right]:
        return {right._replace(place="") for right in granted(objects, f"kronstream-{account}")}

    for account in ACCOUNTS:
        narrow, wide = rules(plane.rendered, account), rules(everywhere, account)
        mine = {Right("", "namespaces", "get", "kube-system")} if account == "operator" else set()
        assert narrow - mine == wide - mine


def test_the_webhook_has_neither_rights_nor_a_token(tmp_path: Path) -> None:
    values = {"redis": {"host": "redis"}, "webhook": {"enabled": True}}
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    objects = Helm(tmp_path / "helm").render(values=tmp_path / "values.yaml", namespace=NAMESPACE)
    assert granted(objects, "kronstream-webhook") == set()
    (account, deployment) = (
        item
        for kind in ("ServiceAccount", "Deployment")
        for item in objects
        if (item["kind"], item["metadata"]["name"]) == (kind, "kronstream-webhook")
    )
    assert account["automountServiceAccountToken"] is False
    assert deployment["spec"]["template"]["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("verb", ["get", "list", "watch"])
def test_nobody_reads_secrets(plane: ChartPlane, account: str, verb: str) -> None:
    who = f"--as=system:serviceaccount:kronstream-system:kronstream-{account}"
    for place in (("-A",), ("-n", "kronstream-system"), ("-n", "default")):
        with pytest.raises(KubectlError) as said:
            plane.kubectl("auth", "can-i", verb, "secrets", who, *place)
        assert said.value.code == 1


def test_a_worker_can_be_no_other_account(plane: ChartPlane) -> None:
    who = "--as=system:serviceaccount:kronstream-system:kronstream-worker"
    for name, place, allowed in (
        ("serviceaccounts/maker", "default", True),
        ("serviceaccounts/default", "default", False),
        ("serviceaccounts/maker", "kube-system", False),
        ("users/admin", "default", False),
        ("groups/system:masters", "default", False),
    ):
        try:
            answer = plane.kubectl("auth", "can-i", "impersonate", name, who, "-n", place).strip()
        except KubectlError as said:
            assert said.code == 1  # noqa: PT017
            answer = "no"
        assert (name, place, answer) == (name, place, "yes" if allowed else "no")
