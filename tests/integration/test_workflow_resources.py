"""`handler.workflow.resource` on a real API server; the test plays the part of the resource's controller."""

import signal
from typing import Any

import pytest

from eventually import eventually
from integration.installation import Installation
from integration.objects import MERGE, Object, RefusedError, condition, ready
from kronstream.domain.run import State
from kronstream.ports import Execution

GROUP = "kronstream.test"
WIDGETS = f"/apis/{GROUP}/v1/namespaces/default/widgets"
SUCCESS = 'object.status.phase == "Succeeded"'
FAILURE = 'object.status.conditions.exists(c, c.type == "Done" && c.status == "False")'


def crd(kind: str, plural: str) -> Object:
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": free, "status": free}}
    version = {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": plural[:-1], "listKind": f"{kind}List"},
            "versions": [{**version, "schema": {"openAPIV3Schema": schema}}],
        },
    }


@pytest.fixture(scope="module")
def kinds(managed_installation: Installation) -> None:
    """Two kinds, of which the workers may make one, and a service account that may make it."""
    plane, objects = managed_installation.plane, managed_installation.objects
    for kind, plural in (("Widget", "widgets"), ("Gadget", "gadgets")):
        objects.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd(kind, plural))
        eventually(lambda plural=plural: plane.api.ok(f"/apis/{GROUP}/v1/{plural}"), within=20)
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "maker"}}
    objects.send("POST", "/api/v1/namespaces/default/serviceaccounts", account)
    rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
    rule = {"apiGroups": [GROUP], "resources": ["widgets", "gadgets"], "verbs": ["create", "get", "delete"]}
    objects.send("POST", f"{rbac}/roles", {"metadata": {"name": "maker"}, "rules": [rule]})
    binding = {
        "metadata": {"name": "maker"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "maker"},
        "subjects": [{"kind": "ServiceAccount", "name": "maker", "namespace": "default"}],
    }
    objects.send("POST", f"{rbac}/rolebindings", binding)


@pytest.fixture
def site(managed: Installation, kinds: None) -> Installation:
    return managed


def flow(name: str, kind: str = "Widget", *, account: str = "maker", retry: int = 0, **resource: Any) -> Object:
    made = {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"labels": {"team": "a"}}, "spec": {"size": 3}}
    block = {"template": made, "success": SUCCESS, "failure": FAILURE, **resource}
    spec = {"handler": {"workflow": {"resource": block}}, "serviceAccountName": account, "retry": {"limit": retry}}
    return {
        "apiVersion": "kronstream.dev/v1",
        "kind": "ScheduledJob",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def begin(site: Installation, manifest: Object) -> tuple[Object, str]:
    (job,) = site.apply(manifest)
    job = site.wait(job, ready, within=20)
    uid = job["metadata"]["uid"]
    return job, site.ask(lambda service: service.runs.run_now(uid, "once")).run


def record(site: Installation, job: Object) -> Execution:
    found = site.records(job)
    assert found
    assert len({one.id for one in found}) == 1
    return found[-1]


def over(site: Installation, job: Object, within: float = 25) -> Execution:
    eventually(lambda: record(site, job).state.terminal, within=within, because=f"{site.records(job)}")
    return record(site, job)


def widgets(site: Installation, run: str) -> list[Object]:
    return site.objects.send("GET", f"{WIDGETS}?labelSelector=kronstream.dev/run={run}")["items"]


def made(site: Installation, run: str) -> Object:
    found = eventually(lambda: widgets(site, run), within=20)
    (widget,) = found
    return widget


def tell(site: Installation, widget: Object, **status: Any) -> None:
    path = f"{WIDGETS}/{widget['metadata']['name']}/status"
    site.objects.send("PATCH", path, {"status": status}, MERGE)


def test_a_success(site: Installation) -> None:
    job, run = begin(site, flow("good"))
    widget = made(site, run)
    assert widget["spec"] == {"size": 3}
    assert widget["metadata"]["labels"] == {"team": "a", "kronstream.dev/run": run, "kronstream.dev/job": "good"}
    assert widget["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
    # made by the service account, not by the worker
    eventually(lambda: "was made" in str(record(site, job).progress))
    tell(site, widget, phase="Running", conditions=[])
    tell(site, widget, phase="Succeeded", rows=17)

    found = over(site, job)

    assert (found.state, found.result) == (State.SUCCESS, {"phase": "Succeeded", "conditions": [], "rows": 17})
    assert widgets(site, run), "Never is the default"


def test_a_failure_in_the_resources_own_words(site: Installation) -> None:
    job, run = begin(site, flow("bad", cleanup="Always"))
    tell(site, made(site, run), conditions=[{"type": "Done", "status": "False", "message": "no more widgets"}])
    found = over(site, job)
    assert found.state is State.FAILED
    assert found.error is not None
    assert found.error["type"] == "WorkflowFailed"
    assert found.error["message"].endswith("failed: no more widgets")
    assert widgets(site, run) == []


def test_a_status_that_is_too_large_for_a_record(site: Installation) -> None:
    job, run = begin(site, flow("large"))
    tell(site, made(site, run), nodes={f"n{number}": "x" * 1_000 for number in range(70)}, phase="Succeeded")
    found = over(site, job)
    assert found.state is State.SUCCESS
    assert found.result["note"] == "its status has more than 64 KiB of JSON: it is left out"
    assert "success and failure do not see its status.nodes" in found.output


def test_an_expression_that_cannot_be_judged(site: Installation) -> None:
    job, run = begin(site, flow("typo", success="object.status.phase > 3", retry=3))
    tell(site, made(site, run), phase="Running")
    found = over(site, job)
    assert (found.state, found.reason, found.attempt) == (State.FAILED, "permanent", 1)
    assert found.error is not None
    assert 'object.status.phase > 3": No matching overloads' in found.error["message"]
    eventually(lambda: not widgets(site, run))


@pytest.mark.parametrize("why", ["cancel", "timeout"])
def test_what_is_ended_early_is_deleted(site: Installation, why: str) -> None:
    manifest = flow(f"early-{why}")
    if why == "timeout":
        manifest["spec"]["timeout"] = "8s"
    job, run = begin(site, manifest)
    made(site, run)
    if why == "cancel":
        site.ask(lambda service: service.runs.cancel([run], "anna"))
    assert over(site, job).state is (State.CANCELLED if why == "cancel" else State.FAILED)
    eventually(lambda: not widgets(site, run))


def test_a_kind_that_is_not_allowed(site: Installation) -> None:
    job, _ = begin(site, flow("gadget", "Gadget", retry=3))
    found = over(site, job)
    assert (found.state, found.reason, found.attempt) == (State.FAILED, "permanent", 1)
    assert found.error is not None
    assert (
        "their administrator would allow it by "
        f"KRONSTREAM_WORKFLOW_KINDS=widgets.{GROUP}/v1,gadgets.{GROUP}/v1" in found.error["message"]
    )


def test_a_service_account_without_the_right(site: Installation) -> None:
    job, run = begin(site, flow("powerless", account="default"))
    found = over(site, job, within=40)
    assert found.error is not None
    assert found.error["type"] == "Forbidden"
    assert (
        f"the service account default/default needs the rights to create, get and delete widgets.{GROUP}"
        in (found.error["message"])
    )
    assert widgets(site, run) == []


def test_a_resource_that_somebody_deletes(site: Installation) -> None:
    job, run = begin(site, flow("vanished"))
    site.objects.send("DELETE", f"{WIDGETS}/{made(site, run)['metadata']['name']}")
    found = over(site, job)
    assert found.error is not None
    assert found.error["type"] == "ResourceDeleted"


def test_another_worker_goes_on_with_the_resource(site: Installation) -> None:
    job, run = begin(site, flow("orphaned", retry=1))
    widget = made(site, run)
    first = eventually(lambda: record(site, job).worker)
    site.stop(first, number=signal.SIGKILL)
    try:
        eventually(lambda: record(site, job).worker not in (None, first), within=40)
        tell(site, widget, phase="Succeeded")
        found = over(site, job)
    finally:
        site.start(first)
    assert (found.state, found.attempt) == (State.SUCCESS, 1)
    assert [one["metadata"]["uid"] for one in widgets(site, run)] == [widget["metadata"]["uid"]]


def test_a_bad_expression_stalls_the_job(site: Installation) -> None:
    (job,) = site.apply(flow("unread", success="object.status.conditions.map(c, c.type)"))
    job = site.wait(job, lambda found: condition(found, "Stalled").get("status") == "True", within=20)
    message = condition(job, "Stalled")["message"]
    assert message.startswith("spec.handler.workflow.resource.success: 'map' cannot be used; write exists")


def test_a_workflow_of_nothing_is_refused_at_apply(site: Installation) -> None:
    manifest = flow("nothing")
    manifest["spec"]["handler"] = {"workflow": {}}
    with pytest.raises(RefusedError, match="does not say one workflow to run; write exactly one of resource or stream"):
        site.apply(manifest)
