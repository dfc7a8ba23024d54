"""Each value set of the chart, as helm renders it, on the real API server with RBAC and restricted Pod Security."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.charting import CHART, CLUSTERED, RESTRICTED, SETS, Helm, Object, listed, pods, said
from integration.foreign import KINDS, definitions
from kronstream.dev.kubectl import Kubectl, KubectlError

APPLY = ("apply", "--server-side", "--force-conflicts", "--field-manager=helm", "--warnings-as-errors", "-f", "-")


@pytest.fixture(scope="module", autouse=True)
def foreign(kubectl: Kubectl) -> None:
    """The resources of others that the chart may make are served."""
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(listed(definitions())))
    for definition in definitions():
        name = f"crd/{definition['metadata']['name']}"
        kubectl("wait", "--for=condition=Established", "--timeout=30s", name)


@pytest.fixture(params=SETS, ids=said)
def rendered(request: pytest.FixtureRequest, helm: Helm, kubectl: Kubectl) -> Iterator[tuple[str, list[Object]]]:
    """A namespace that enforces the restricted standard, and the objects of a value set, not applied yet."""
    values: Path = request.param
    namespace = f"chart-{said(values)}"
    namespaces = [{"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": namespace, "labels": RESTRICTED}}]
    namespaces += [
        {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}} for name in ("team-a", "team-b", "123")
    ]
    kubectl("apply", "-f", "-", stdin=json.dumps(listed(namespaces)))
    objects = helm.render(values=values, release=said(values), namespace=namespace)
    yield namespace, objects
    # a webhook or an aggregated role of one set is no business of the next; the CRDs are those of the plane
    left = [item for item in objects if item["kind"] in CLUSTERED and item["kind"] != "CustomResourceDefinition"]
    if left:
        kubectl("delete", "--ignore-not-found", "-f", "-", stdin=json.dumps(listed(left)))


def test_it_is_taken_by_the_api_server(rendered: tuple[str, list[Object]], kubectl: Kubectl) -> None:
    namespace, objects = rendered
    text = json.dumps(listed(objects))

    tried = kubectl(*APPLY, "--dry-run=server", stdin=text)
    applied = kubectl(*APPLY, stdin=text)

    assert tried.count("serverside-applied") == applied.count("serverside-applied") == len(objects)
    made = list(pods(objects))
    if made:
        said = kubectl("create", "-n", namespace, "-f", "-", stdin=json.dumps(listed(made)))
        assert said.count(" created") == len(made)


def test_a_lax_pod_would_be_refused(kubectl: Kubectl, helm: Helm) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "chart-lax", "labels": RESTRICTED}}
    kubectl("apply", "-f", "-", stdin=json.dumps(namespace))
    lax = []
    for pod in pods(helm.render(values=CHART / "ci" / "network-values.yaml", namespace="chart-lax")):
        for number, container in enumerate(pod["spec"]["containers"]):
            other = json.loads(json.dumps(pod))
            del other["spec"]["containers"][number]["securityContext"]
            other["metadata"]["name"] += f"-{container['name']}"
            lax.append(other)

    with pytest.raises(KubectlError) as caught:
        kubectl("create", "-n", "chart-lax", "--dry-run=server", "-f", "-", stdin=json.dumps(listed(lax)))

    assert len(lax) > 5
    assert caught.value.said.count('violates PodSecurity "restricted') == len(lax)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[2])
def test_a_field_that_another_api_lacks_would_be_refused(
    kubectl: Kubectl, kind: tuple[str, str, str, str, Object]
) -> None:
    group, version, name, _, schema = kind
    wrong = next(iter(schema["properties"])) + "s"
    item = {"apiVersion": f"{group}/{version}", "kind": name, "metadata": {"name": "x"}, "spec": {wrong: 1}}

    with pytest.raises(KubectlError, match=rf"spec\.{wrong}: field not declared in schema"):
        kubectl(*APPLY, "--dry-run=server", stdin=json.dumps(item))


@pytest.mark.parametrize(
    ("kind", "key"), [("redis-streams", "addresses"), ("redis-sentinel-streams", "address"), ("redis-streams", "tls")]
)
def test_what_a_scaler_does_not_read_would_be_refused(kubectl: Kubectl, kind: str, key: str) -> None:
    trigger = {"type": kind, "metadata": {"stream": "s", "streamLength": "1", key: "x"}}
    spec = {"scaleTargetRef": {"name": "x"}, "triggers": [trigger]}
    item = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "x"}, "spec": spec}

    with pytest.raises(KubectlError, match=f"read by no {kind}"):
        kubectl(*APPLY, "--dry-run=server", stdin=json.dumps(item))


def test_each_kind_of_others_is_among_the_sets(helm: Helm) -> None:
    """The schemas are asked: by some set, the chart makes something of each."""
    asked = ("certmanager", "keda", "kedasentinel", "monitoring", "servicemonitor")
    made = {item["kind"] for name in asked for item in helm.render(values=CHART / "ci" / f"{name}-values.yaml")}
    assert {kind[2] for kind in KINDS} <= made


def test_lint_is_strict(helm: Helm) -> None:
    for values in SETS:
        assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART), "-f", str(values))


def test_there_are_enough_sets() -> None:
    assert len(SETS) >= 12
