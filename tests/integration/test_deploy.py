"""The manifests of `deploy/` and `examples/`, applied for real."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import kronstream
from kronstream.dev.kubectl import Kubectl, KubectlError
from kronstream.handlers import Run
from kronstream.resources import Handler, judge_handler, parse_handler_spec, parse_spec
from kronstream.resources.handler import TYPES
from kronstream.resources.judged import judge
from kronstream.worker.discovery import load
from kronstream.worker.registry import Registry

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BASE = DEPLOY / "base"
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
SYSTEM = "kronstream-system"


@pytest.fixture(scope="module", autouse=True)
def deployed(kubectl: Kubectl) -> str:
    """What kubectl said; the objects stay, for other tests run on the same control plane."""
    return kubectl("apply", "--server-side", "--force-conflicts", "-k", str(DEPLOY))


@pytest.fixture(scope="module")
def offered() -> Registry:
    """What a worker offers that was started with the examples' handlers."""
    return load([str(ROOT / "examples" / "handlers.py")])


def containers() -> Iterator[tuple[str, dict[str, Any]]]:
    for component in ("operator", "worker", "api"):
        documents = yaml.safe_load_all((BASE / f"{component}.yaml").read_text(encoding="utf-8"))
        (pod,) = [document["spec"]["template"] for document in documents if document["kind"] == "Deployment"]
        yield component, pod


def test_everything_is_applied(deployed: str) -> None:
    for name in (
        "namespace/kronstream-system",
        "customresourcedefinition.apiextensions.k8s.io/scheduledjobs.kronstream.dev",
        "customresourcedefinition.apiextensions.k8s.io/eventhandlers.kronstream.dev",
        "serviceaccount/kronstream-operator",
        "serviceaccount/kronstream-worker",
        "deployment.apps/kronstream-operator",
        "deployment.apps/kronstream-worker",
        "serviceaccount/kronstream-api",
        "service/kronstream-api",
        "deployment.apps/kronstream-api",
        "poddisruptionbudget.policy/kronstream-operator",
    ):
        assert f"{name} serverside-applied" in deployed


@pytest.mark.parametrize("folder", ["crds", "deploy/base"])
def test_a_folder_can_be_applied_without_kustomize(folder: str, kubectl: Kubectl) -> None:
    assert "error" not in kubectl(
        "apply", "--dry-run=server", "--server-side", "--force-conflicts", "-f", str(ROOT / folder)
    )


@pytest.mark.parametrize("component", ["operator", "worker", "api"])
def test_pods_meet_the_restricted_standard(component: str, kubectl: Kubectl) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", **dict(containers())[component]}
    pod["metadata"] = {**pod["metadata"], "name": f"try-{component}", "namespace": SYSTEM}

    assert "created" in kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))
    for number in range(len(pod["spec"]["containers"])):
        lax = json.loads(json.dumps(pod))
        del lax["spec"]["containers"][number]["securityContext"]
        with pytest.raises(KubectlError, match='violates PodSecurity "restricted'):
            kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(lax))


def test_two_operators_run_this_version() -> None:
    documents = yaml.safe_load_all((BASE / "operator.yaml").read_text(encoding="utf-8"))
    deployment = next(document for document in documents if document["kind"] == "Deployment")

    assert deployment["spec"]["replicas"] == 2
    told = {component: pod["spec"]["containers"] for component, pod in containers()}
    # the router shares a Pod with the operator, and no process: what is due does not wait behind events
    assert [container["args"] for container in told["operator"]] == [["operator"], ["router"]]
    assert [container["args"] for container in told["worker"]] == [["worker"]]
    assert [container["args"] for container in told["api"]] == [["api"]]
    for container in (*told["operator"], *told["api"]):
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
    for container in (*told["operator"], *told["worker"], *told["api"]):
        assert container["image"] == f"kronstream:{kronstream.__version__}"


@pytest.mark.parametrize(
    ("account", "verb", "resource", "allowed"),
    [
        ("api", "create", "scheduledjobs.kronstream.dev", True),
        ("api", "patch", "scheduledjobs.kronstream.dev", True),
        ("api", "delete", "scheduledjobs.kronstream.dev", True),
        ("api", "watch", "eventhandlers.kronstream.dev", True),
        ("api", "create", "tokenreviews.authentication.k8s.io", True),
        ("api", "create", "subjectaccessreviews.authorization.k8s.io", True),
        ("api", "patch", "scheduledjobs.kronstream.dev/status", False),
        ("api", "create", "eventhandlers.kronstream.dev", False),
        ("api", "get", "secrets", False),
        ("operator", "get", "scheduledjobs.kronstream.dev", True),
        ("operator", "list", "scheduledjobs.kronstream.dev", True),
        ("operator", "watch", "scheduledjobs.kronstream.dev", True),
        ("operator", "patch", "scheduledjobs.kronstream.dev/status", True),
        ("operator", "create", "events", True),
        ("operator", "create", "events.events.k8s.io", False),
        ("operator", "list", "customresourcedefinitions.apiextensions.k8s.io", False),
        ("operator", "watch", "namespaces", False),
        ("operator", "create", "scheduledjobs.kronstream.dev", True),
        ("operator", "delete", "scheduledjobs.kronstream.dev", True),
        ("operator", "get", "eventhandlers.kronstream.dev", True),
        ("operator", "list", "eventhandlers.kronstream.dev", True),
        ("operator", "watch", "eventhandlers.kronstream.dev", True),
        ("operator", "patch", "eventhandlers.kronstream.dev/status", True),
        ("operator", "patch", "scheduledjobs.kronstream.dev", False),
        ("operator", "deletecollection", "scheduledjobs.kronstream.dev", False),
        ("operator", "create", "eventhandlers.kronstream.dev", False),
        ("operator", "patch", "eventhandlers.kronstream.dev", False),
        ("operator", "delete", "eventhandlers.kronstream.dev", False),
        ("operator", "patch", "customresourcedefinitions.apiextensions.k8s.io", False),
        ("operator", "get", "secrets", False),
        ("operator", "list", "pods", False),
        ("operator", "delete", "events", False),
        ("worker", "create", "jobs.batch", True),
        ("worker", "watch", "jobs.batch", True),
        ("worker", "patch", "jobs.batch", True),
        ("worker", "delete", "jobs.batch", True),
        ("worker", "list", "pods", True),
        ("worker", "get", "pods/log", True),
        ("worker", "get", "scheduledjobs.kronstream.dev", False),
        ("worker", "get", "eventhandlers.kronstream.dev", False),
        ("worker", "update", "jobs.batch/status", False),
        ("worker", "deletecollection", "jobs.batch", False),
        ("worker", "delete", "pods", False),
        ("worker", "create", "pods/exec", False),
        ("worker", "impersonate", "users", False),
        ("worker", "impersonate", "groups", False),
        ("worker", "create", "serviceaccounts/token", False),
        ("worker", "get", "secrets", False),
        ("worker", "create", "events", False),
        ("worker", "create", "pods", False),
    ],
)
def test_rights(account: str, verb: str, resource: str, allowed: bool, kubectl: Kubectl) -> None:
    name, _, subresource = resource.partition("/")
    arguments = ["auth", "can-i", verb, name, f"--as=system:serviceaccount:{SYSTEM}:kronstream-{account}", "-A"]
    if subresource:
        arguments.append(f"--subresource={subresource}")
    try:
        answer = kubectl(*arguments).strip()
    except KubectlError as said:  # the answer no is exit code 1
        assert said.code == 1  # noqa: PT017
        answer = "no"

    assert answer == ("yes" if allowed else "no")


@pytest.mark.parametrize(
    ("verb", "resource", "allowed"),
    [
        ("get", "configmaps/kronstream-pauses", False),  # it lists and watches this very name
        ("list", "configmaps/kronstream-pauses", True),
        ("watch", "configmaps/kronstream-pauses", True),
        ("patch", "configmaps/kronstream-pauses", False),
        ("get", "configmaps/others", False),
        ("list", "configmaps", False),
        ("get", "secrets/kronstream-redis", False),
    ],
)
def test_the_operator_reads_one_config_map_of_its_namespace(
    verb: str, resource: str, allowed: bool, kubectl: Kubectl
) -> None:
    who = f"--as=system:serviceaccount:{SYSTEM}:kronstream-operator"
    try:
        answer = kubectl("auth", "can-i", verb, resource, who, "-n", SYSTEM).strip()
    except KubectlError as said:  # the answer no is exit code 1
        assert said.code == 1  # noqa: PT017
        answer = "no"

    assert answer == ("yes" if allowed else "no")


def test_rights_of_users_follow_their_role_in_the_namespace(kubectl: Kubectl) -> None:
    roles = json.loads(kubectl("get", "clusterroles", "kronstream-edit", "kronstream-view", "-o", "json"))["items"]
    labels = {role["metadata"]["name"]: role["metadata"]["labels"] for role in roles}

    assert labels["kronstream-edit"]["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"
    assert labels["kronstream-view"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"


def judged_handler(document: dict[str, Any]) -> Handler | None:
    """What executes the runs of an example that can be used; None where another resource says it."""
    if document["kind"] == "EventHandler":
        handler = parse_handler_spec(document["spec"])
        judge_handler(handler)
        return handler.action.execution.handler if handler.action.execution else None
    spec = parse_spec(document["spec"])
    judge(spec, 0, "default/example")
    return spec.handler


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_is_accepted_and_its_handler_exists(file: Path, kubectl: Kubectl, offered: Registry) -> None:
    documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))

    assert kubectl("create", "--dry-run=server", "-f", str(file)).count("created") == len(documents)
    for document in documents:
        handler = judged_handler(document)
        assert handler is None or handler.offered in (*offered.names, *(f"@{name}" for name in TYPES))


def test_the_example_handlers_do_what_their_jobs_tell(offered: Registry) -> None:
    def call(name: str, payload: Any, attempt: int = 1) -> Any:
        function = offered.get(f"examples:{name}")
        assert function is not None
        result = function.invoke(payload, lambda: Run(attempt=attempt))
        return asyncio.run(result) if function.is_async else result

    assert call("report", {"report": "sales", "days": 1}) == {"report": "sales", "total": 332_833_500}
    assert call("slow", {"seconds": 0}) == {"slept": 0}
    assert call("flaky", {"failures": 2}, attempt=3) == {"attempts": 3}
    with pytest.raises(ConnectionError, match="attempt 2"):
        call("flaky", {"failures": 2}, attempt=2)
    event = {"event_data": {"workflow_id": "123"}, "event_name": "workflow.completed"}
    found = offered.get("cleanup:artifacts")
    assert found is not None
    assert asyncio.run(found.invoke({"retention_days": 30, **event}, Run)) == {"workflow": "123"}


def test_these_are_the_examples() -> None:
    assert {file.stem for file in EXAMPLES} >= {
        *("argo-workflow", "cron-zone", "flaky", "job", "no-overlap", "once", "scheduledjob", "tekton-pipelinerun"),
        *("alert-chain", "eventhandler"),
    }
