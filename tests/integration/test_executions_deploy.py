"""The optional component of `deploy/`: what it adds, and that it may do no more than it needs."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import kronstream
from eventually import eventually
from kronstream.dev.kubectl import Kubectl, KubectlError
from kronstream.dev.manifests import rights
from kronstream.runsapi.settings import RunsSettings
from kronstream.setting import read_settings
from kronstream.settings import OperatorSettings

ROOT = Path(__file__).parents[2]
SYSTEM = "kronstream-system"
TOP = """
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- deploy
components:
- deploy/runs-apiserver
"""


@pytest.fixture(scope="module")
def rendered(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the kustomization of docs/kubectl-executions.md makes."""
    folder = tmp_path_factory.mktemp("top")
    for name in ("deploy", "crds"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "kustomization.yaml").write_text(TOP)
    said = kubectl("kustomize", "--load-restrictor=LoadRestrictionsNone", str(folder))
    return [one for one in yaml.safe_load_all(said) if one]


def one(rendered: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = [item for item in rendered if (item["kind"], item["metadata"]["name"]) == (kind, name)]
    return found


def environ(container: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in container["env"] if "value" in item}


def test_everything_is_taken_by_the_api_server(rendered: list[dict[str, Any]], kubectl: Kubectl) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": rendered})
    said = kubectl("apply", "--dry-run=server", "--server-side", "--force-conflicts", "-f", "-", stdin=text)
    for name in ("deployment.apps/kronstream-runs", "service/kronstream-runs", "clusterrole", "rolebinding"):
        assert name in said


def test_two_replicas_of_this_version_meet_the_restricted_standard(
    rendered: list[dict[str, Any]], kubectl: Kubectl
) -> None:
    deployment = one(rendered, "Deployment", "kronstream-runs")
    assert deployment["spec"]["replicas"] == 2
    template = deployment["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert (container["image"], container["args"]) == (f"kronstream:{kronstream.__version__}", ["runs-apiserver"])
    settings = read_settings(RunsSettings, environ(container))
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert (settings.port, settings.metrics_port) == (ports["https"], ports["http"])
    (mount,) = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "tls"]
    assert str(settings.certificate).startswith(mount)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "try", "namespace": SYSTEM},
        "spec": template["spec"],
    }
    pod["spec"]["serviceAccountName"] = "kronstream-worker"  # one that is there
    assert "created" in kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))


def test_the_operators_look_after_its_service(rendered: list[dict[str, Any]]) -> None:
    containers = one(rendered, "Deployment", "kronstream-operator")["spec"]["template"]["spec"]["containers"]
    operator, router = containers
    settings = read_settings(OperatorSettings, environ(operator))
    service = one(rendered, "Service", "kronstream-runs")
    assert settings.runs_service == (SYSTEM, "kronstream-runs", service["spec"]["ports"][0]["port"])
    assert {mount["name"] for mount in operator["volumeMounts"]} == {"tmp", "runs-ca"}
    assert "KRONSTREAM_RUNS_SERVICE" not in environ(router)


@pytest.mark.parametrize(
    ("account", "verb", "resource", "allowed"),
    [
        ("operator", "delete", "apiservices/v1.runs.kronstream.dev", True),
        ("operator", "patch", "apiservices/v1.runs.kronstream.dev", True),
        ("operator", "create", "apiservices", False),
        ("operator", "create", "apiservices/v1.runs.kronstream.dev", True),
        ("operator", "delete", "apiservices/v1.apps", False),
        ("operator", "list", "apiservices", False),
        ("operator", "get", "executions.runs.kronstream.dev", False),
        ("runs", "get", "scheduledjobs.kronstream.dev", False),
        ("runs", "get", "secrets", False),
        ("runs", "get", "configmaps", False),
        ("runs", "create", "subjectaccessreviews.authorization.k8s.io", False),
    ],
)
def test_rights(kubectl: Kubectl, account: str, verb: str, resource: str, allowed: bool) -> None:
    objects = [item for item in rights("runs-apiserver") if "runs" in item["metadata"]["name"]]
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    who = f"--as=system:serviceaccount:{SYSTEM}:kronstream-{account}"

    def answer() -> str:
        try:
            return kubectl("auth", "can-i", verb, resource, who, "-A").strip()
        except KubectlError as said:  # the answer no is exit code 1
            assert said.code == 1  # noqa: PT017
            return "no"

    # the API server hears of a binding a moment later
    eventually(lambda: answer() == ("yes" if allowed else "no"))


def test_it_reads_one_config_map(kubectl: Kubectl) -> None:
    who = f"--as=system:serviceaccount:{SYSTEM}:kronstream-runs"
    for verb in ("get", "list", "watch"):
        name = "configmaps/extension-apiserver-authentication"
        assert kubectl("auth", "can-i", verb, name, who, "-n", "kube-system").strip() == "yes"
