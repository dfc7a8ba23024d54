"""The webhook, `kubectl get executions`, and the command line as a user who has a token and few rights."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.cluster import Cluster, RefusedError, run
from e2e.objects import binding, role, scheduled, service_account
from e2e.release import NAME, Release

from eventually import eventually

USER = "e2e-user"


@pytest.fixture(scope="module", autouse=True)
def job(release: Release, jobs: Cluster) -> Iterator[None]:
    """A job that runs when it is asked to."""
    jobs.apply(scheduled("asked", "echo", payload={"hello": "world"}))
    yield
    jobs("delete", "scheduledjob", "asked")


def test_the_webhook_says_what_validate_says(jobs: Cluster, tmp_path: Path) -> None:
    bad = scheduled("bad", "echo", schedule="0 22, 10 * * *")
    file = tmp_path / "bad.yaml"
    file.write_text(json.dumps(bad), encoding="utf-8")
    said = subprocess.run(
        [sys.executable, "-m", "kronstream.cli.main", "validate", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    message = "a field must not hold blanks: write '22,10'"
    assert message in said.stdout

    with pytest.raises(RefusedError, match=re.escape(message)):
        jobs.apply(bad, dry=True)


def test_a_run_is_started_looked_at_and_over_by_kubectl(jobs: Cluster) -> None:
    wanted = {
        "apiVersion": "runs.kronstream.dev/v1",
        "kind": "Execution",
        "metadata": {"generateName": "asked-"},
        "spec": {"job": "asked", "payload": {"by": "kubectl"}},
    }
    made = json.loads(jobs("create", "-o", "json", "-f", "-", stdin=json.dumps(wanted)))
    name = made["metadata"]["name"]
    jobs("wait", "--for=condition=Succeeded", f"execution/{name}", "--timeout=60s", limit=90)
    assert jobs.read("execution", name)["status"]["result"] == {"by": "kubectl"}


@pytest.fixture(scope="module")
def user(release: Release, jobs: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig of a user with a token, who may edit one namespace and forward ports to the API."""
    system = release.cluster
    account = (jobs.namespace, USER)
    forward = [
        {"apiGroups": [""], "resources": ["services", "pods"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["create"]},
    ]
    edit = binding(USER, jobs.namespace, ("ClusterRole", "edit"), account)
    jobs.apply(service_account(USER, jobs.namespace), edit)
    may_forward = binding(USER, system.namespace, ("Role", USER), account)
    system.apply(role(USER, system.namespace, *forward), may_forward)
    token = jobs("create", "token", USER).strip()
    config = json.loads(jobs("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    config["users"] = [{"name": USER, "user": {"token": token}}]
    config["contexts"][0]["context"] |= {"user": USER, "namespace": jobs.namespace}
    file = tmp_path_factory.mktemp("user") / "kubeconfig"
    file.write_text(json.dumps(config), encoding="utf-8")
    file.chmod(0o600)
    return file


def test_the_command_line_reaches_the_api_through_a_forwarded_port(
    release: Release, jobs: Cluster, user: Path, tmp_path: Path
) -> None:
    kubectl = shutil.which(jobs.program)
    assert kubectl
    (tmp_path / "kubectl").symlink_to(kubectl)
    environ = {"KUBECONFIG": str(user), "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    def kronstream(*arguments: str) -> str:
        service = f"--service={release.cluster.namespace}/{NAME}-api:3051"
        return run(sys.executable, "-m", "kronstream.cli.main", *arguments, service, limit=90, environ=environ)

    assert "asked" in kronstream("get", "jobs")
    ran = kronstream("run", "asked").strip()
    eventually(lambda: "success" in kronstream("show", ran), within=60)
    with pytest.raises(RefusedError, match="lacks the right: list scheduledjobs"):
        kronstream("get", "jobs", "-n", release.cluster.namespace)
