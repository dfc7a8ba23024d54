"""`kronstream doctor` on releases of the chart: it asks about their accounts, in their namespaces."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.charting import CHART, Helm, Object, listed
from kronstream.dev.controlplane import ControlPlane
from kronstream.dev.kubectl import Kubectl

APART = CHART / "ci" / "namespaces-values.yaml"
RIGHTS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "Deployment")
Asked = Callable[[], dict[str, tuple[str, str]]]


@pytest.fixture(scope="module", autouse=True)
def undeployed(kubectl: Kubectl) -> None:
    """Deployments that other files left on the control plane are not what is looked at."""
    kubectl("delete", "deployments", "--all-namespaces", "-l", "app.kubernetes.io/name=kronstream")


@contextmanager
def released(kubectl: Kubectl, objects: Sequence[Object]) -> Iterator[None]:
    """What of a release has to do with rights, applied."""
    kinds = [one for one in objects if one["kind"] in RIGHTS and "helm.sh/hook" not in json.dumps(one["metadata"])]
    spaces = {one["metadata"]["namespace"] for one in kinds if "namespace" in one["metadata"]}
    made = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in sorted(spaces)]
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(listed(made)))
    text = json.dumps(listed(kinds))
    kubectl("apply", "--server-side", "-f", "-", stdin=text)
    try:
        yield
    finally:
        kubectl("delete", "--ignore-not-found", "-f", "-", stdin=text)


@pytest.fixture
def asked(controlplane: ControlPlane) -> Asked:
    """What the doctor says of RBAC: account → (level, text)."""
    given = {"KUBECONFIG": str(controlplane.kubeconfig), "KRONSTREAM_REDIS_URL": controlplane.redis_url}

    def call() -> dict[str, tuple[str, str]]:
        done = subprocess.run(
            [sys.executable, "-m", "kronstream.cli.main", "doctor", "--output", "json"], env={**os.environ, **given},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        found = [one for one in json.loads(done.stdout) if one["area"] == "RBAC"]
        return {one["text"].partition(" ")[0]: (one["level"], one["text"]) for one in found}

    return call


def test_a_release_of_another_name_in_another_namespace(kubectl: Kubectl, asked: Asked, tmp_path: Path) -> None:
    objects = Helm(tmp_path).render(
        "--set",
        "redis.host=r,runs.enabled=true,webhook.enabled=true",
        "--set",
        "workers[0].name=default,workers[0].rights.jobs=true",
        release="one",
        namespace="sched",
    )
    with released(kubectl, objects):
        said = asked()
        assert {account: level for account, (level, _) in said.items()} == {
            f"sched:one-kronstream-{name}": "ok" for name in ("operator", "api", "runs", "worker")
        }
        kubectl("delete", "clusterrolebinding", "one-kronstream-runs-apiservice")
        kubectl("delete", "rolebinding", "-n", "sched", "one-kronstream-operator-pauses")
        level, text = asked()["sched:one-kronstream-operator"]
    assert level == "wrong"
    assert "create apiservices.apiregistration.k8s.io" in text
    assert "list configmaps in namespace sched" in text


def test_a_release_for_some_namespaces(kubectl: Kubectl, asked: Asked, tmp_path: Path) -> None:
    objects = Helm(tmp_path).render("--set", "operator.pauses=halts", values=APART, release="two", namespace="sched")
    with released(kubectl, objects):
        said = asked()
        assert {level for level, _ in said.values()} == {"ok"}
        assert set(said) >= {f"sched:two-kronstream-{name}" for name in ("operator", "api", "worker", "worker-team-b")}
        assert "executes no handler.job" in said["sched:two-kronstream-worker-reports"][1]
        for account in ("operator", "worker"):
            kubectl("delete", "rolebinding", "-n", "team-b", f"two-kronstream-{account}")
        said = asked()
    for account, missing in (("operator", "create scheduledjobs.kronstream.dev"), ("worker", "create jobs.batch")):
        level, text = said[f"sched:two-kronstream-{account}"]
        assert (level, "in namespace team-a" in text) == ("wrong", False)
        assert f"may not {missing} in namespace team-b, " in text
