"""What installed parts need, of their Deployments."""

from typing import Any

from kronstream.cli.needs import Part, needed, parts_of
from kronstream.dev import manifests


def deployment(component: str, **environ: str) -> dict[str, Any]:
    """As the chart makes it in another namespace."""
    env = [{"name": name, "value": value} for name, value in environ.items()]
    pod = {"serviceAccountName": f"one-{component}", "containers": [{"name": "x", "env": env}]}
    meta = {"namespace": "sched", "labels": {"app.kubernetes.io/component": component}}
    return {"metadata": meta, "spec": {"template": {"spec": pod}}}


def places(part: Part, resource: str) -> set[tuple[str, str]]:
    """Where a part needs a resource: (namespace, name)."""
    rights = needed(part, manifests.rights("runs-apiserver"))
    return {(one["namespace"], one["name"]) for one in rights if one["resource"] == resource}


def test_parts_are_read_of_their_deployments() -> None:
    (part,) = parts_of([deployment("operator", KRONSTREAM_NAMESPACES="a, b", KRONSTREAM_PAUSES="halts")])
    assert (part.name, part.namespaces, part.pauses) == ("sched:one-operator", ("a", "b"), "halts")
    assert parts_of([{"metadata": {"namespace": "x"}, "spec": {"template": {"spec": {}}}}]) == []


def test_in_the_whole_cluster() -> None:
    (part,) = parts_of([deployment("operator")])
    assert places(part, "scheduledjobs") == {("", "")}
    assert places(part, "configmaps") == {("sched", "kronstream-pauses")}
    assert places(part, "apiservices") == set()
    (part,) = parts_of([deployment("operator", KRONSTREAM_RUNS_SERVICE="sched/x:443")])
    assert places(part, "apiservices") == {("", "v1.runs.kronstream.dev")}


def test_in_some_namespaces() -> None:
    operator, api = parts_of([deployment(name, KRONSTREAM_NAMESPACES="a,b") for name in ("operator", "api")])
    assert places(operator, "scheduledjobs") == {("a", ""), ("b", "")}
    assert places(operator, "namespaces") == {("a", "a"), ("b", "b")}
    assert places(api, "tokenreviews") == {("", "")}
    assert places(api, "namespaces") == {("kube-system", "kube-system")}


def test_who_has_no_token_needs_nothing_and_the_webhook_neither() -> None:
    one = deployment("worker")
    one["spec"]["template"]["spec"]["automountServiceAccountToken"] = False
    assert needed(parts_of([one])[0], manifests.rights()) == []
    assert needed(parts_of([deployment("webhook")])[0], manifests.rights("runs-apiserver")) == []


def test_the_extension_api_server_reads_for_whom_it_is_asked() -> None:
    (part,) = parts_of([deployment("runs-apiserver")])
    assert places(part, "configmaps") == {("kube-system", "extension-apiserver-authentication")}
    assert places(part, "namespaces") == {("kube-system", "kube-system")}
