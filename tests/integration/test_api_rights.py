"""Who may do what, asked of the real cluster: a token with exactly the right, and one without it."""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from eventually import eventually
from integration.calls import JOB, Calls, problem
from integration.installation import Installation
from integration.objects import RefusedError

RBAC = "/apis/rbac.authorization.k8s.io/v1"
numbers = itertools.count(1)


class Desk:
    """Makes service accounts with rights, and their tokens."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.send = installation.objects.send
        with contextlib.suppress(RefusedError):  # it is there
            self.send("POST", "/api/v1/namespaces", {"metadata": {"name": "team-a"}})

    def token(self, verb: str, resource: str, *, namespace: str | None = "team-a") -> Calls:
        """A caller with one right, in a namespace or in the whole cluster (None); '' for a caller with none."""
        name = f"caller-{next(numbers)}"
        self.send("POST", "/api/v1/namespaces/team-a/serviceaccounts", {"metadata": {"name": name}})
        if verb:
            self._grant(name, verb, resource, namespace)
        asked = {"spec": {"expirationSeconds": 3600}}
        made = self.send("POST", f"/api/v1/namespaces/team-a/serviceaccounts/{name}/token", asked)
        return Calls(self.installation.url("api-3"), made["status"]["token"])

    def _grant(self, name: str, verb: str, resource: str, namespace: str | None) -> None:
        kind = "Role" if namespace else "ClusterRole"
        base = f"{RBAC}/namespaces/{namespace}" if namespace else RBAC
        rules = [{"apiGroups": ["kronstream.dev"], "resources": [resource], "verbs": [verb]}]
        plural = "roles" if namespace else "clusterroles"
        self.send("POST", f"{base}/{plural}", {"metadata": {"name": name}, "rules": rules})
        binding = {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "team-a"}],
        }
        self.send("POST", f"{base}/{plural.removesuffix('s')}bindings", binding)


@pytest.fixture(scope="module")
def desk(doored_installation: Installation) -> Desk:
    return Desk(doored_installation)


@pytest.fixture
def job(doored: Installation, desk: Desk) -> Iterator[dict[str, Any]]:
    """A job in team-a, with a run that waits for ever."""
    with Calls(doored.url("api-1")) as admin:
        made = admin.make(namespace="team-a", queue="nobody", schedule="0 0 1 1 *")
        run = admin.post(f"/jobs/{made['id']}/run").json()["execution_id"]
        yield {**made, "run": run}


# method, path, body, right, status with it
CASES = [
    ("GET", "/jobs/{id}", None, ("get", "scheduledjobs"), 200),
    ("GET", "/jobs/team-a:{resource_name}", None, ("get", "scheduledjobs"), 200),
    ("GET", "/jobs?namespace=team-a", None, ("list", "scheduledjobs"), 200),
    ("POST", "/jobs/cron", {**JOB, "namespace": "team-a"}, ("create", "scheduledjobs"), 201),
    ("PUT", "/jobs/{id}/schedule", {"schedule": "0 3 * * *"}, ("update", "scheduledjobs"), 200),
    ("DELETE", "/jobs/{id}", None, ("delete", "scheduledjobs"), 204),
    ("POST", "/jobs/{id}/pause", None, ("update", "scheduledjobs/pause"), 200),
    ("POST", "/jobs/{id}/resume", None, ("update", "scheduledjobs/pause"), 200),
    ("POST", "/jobs/{id}/run", None, ("create", "scheduledjobs/run"), 201),
    ("GET", "/jobs/{id}/preview", None, ("get", "scheduledjobs"), 200),
    ("GET", "/jobs/{id}/executions", None, ("list", "scheduledjobs/executions"), 200),
    ("GET", "/jobs/{id}/stats", None, ("list", "scheduledjobs/executions"), 200),
    ("GET", "/executions/{run}", None, ("get", "scheduledjobs/executions"), 200),
    ("POST", "/executions/{run}/retry", None, ("create", "scheduledjobs/run"), 409),
    ("POST", "/executions/{run}/cancel", None, ("delete", "scheduledjobs/run"), 202),
    (
        "POST", "/jobs/{id}/backfill", {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "dry_run": True},
        ("create", "scheduledjobs/backfill"), 202,
    ),
]  # fmt: skip
# of what belongs to no namespace
CLUSTER = [
    ("GET", "/stats", ("get", "stats"), 200),
    ("GET", "/workers", ("get", "workers"), 200),
    ("GET", "/queues", ("get", "queues"), 200),
    ("POST", "/queues/none/pause", ("update", "queues"), 200),
    ("GET", "/dead-letters", ("get", "deadletters"), 200),
    ("DELETE", "/dead-letters/run-1-1", ("delete", "deadletters"), 404),
    ("POST", "/dead-letters/run-1-1/replay", ("update", "deadletters"), 404),
]


@pytest.mark.parametrize(("method", "path", "body", "right", "status"), CASES, ids=[f"{c[0]} {c[1]}" for c in CASES])
def test_exactly_the_right_is_enough_and_nothing_else_is(
    desk: Desk, job: dict[str, Any], method: str, path: str, body: Any, right: tuple[str, str], status: int
) -> None:
    place = path.format(**job)
    with desk.token("", "") as nobody:
        found = problem(nobody.request(method, place, json=body), 403)
        verb, resource = right
        assert f"{verb} {resource}.kronstream.dev in namespace team-a" in found["detail"]
    with desk.token("watch", right[1]) as other:
        problem(other.request(method, place, json=body), 403)
    with desk.token(*right) as caller:
        answer = caller.request(method, place, json=body)
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize(("method", "path", "right", "status"), CLUSTER, ids=[f"{c[0]} {c[1]}" for c in CLUSTER])
def test_what_belongs_to_no_namespace_takes_a_right_in_the_whole_cluster(
    desk: Desk, doored: Installation, method: str, path: str, right: tuple[str, str], status: int
) -> None:
    with desk.token(*right) as local:
        problem(local.request(method, path), 403)
    with desk.token(*right, namespace=None) as caller:
        answer = caller.request(method, path)
        assert answer.status_code == status, answer.text


def test_without_a_token_nothing_is_told(doored: Installation, desk: Desk, job: dict[str, Any]) -> None:
    url = doored.url("api-3")
    for token in ("", "nonsense", "a.b.c", "x" * 20_000):
        with Calls(url, token) as caller:
            for path in ("/jobs", f"/jobs/{job['id']}", "/no-such-path", "/stats"):
                answer = caller.get(path)
                problem(answer, 401)
                assert answer.headers["www-authenticate"].startswith("Bearer")
    root = url.removesuffix("/api/v1/scheduler")
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
        assert httpx.get(root + path).status_code == 200, path


def test_who_asked_is_recorded(doored: Installation, desk: Desk) -> None:
    with desk.token("create", "scheduledjobs") as caller:
        job = caller.make(namespace="team-a", created_by=None)
        problem(caller.get(f"/jobs/{job['id']}"), 403)
        assert job["created_by"].startswith("system:serviceaccount:team-a:caller-")
        named = caller.make(namespace="team-a", created_by="somebody")
    kept = doored.objects.get({"metadata": {"namespace": "team-a", "name": named["resource_name"]}})
    assert kept["spec"]["createdBy"] == "somebody"
    assert kept["metadata"]["annotations"]["kronstream.dev/requested-by"] == job["created_by"]
    assert f"{job['created_by']} POST /api/v1/scheduler/jobs/cron 201" in doored.log("api-3")


def test_a_right_that_is_taken_away_is_gone_within_seconds(doored: Installation, desk: Desk) -> None:
    with desk.token("list", "scheduledjobs") as caller:
        assert caller.get("/jobs?namespace=team-a").status_code == 200
        problem(caller.get("/jobs?namespace=default"), 403)
        problem(caller.get("/jobs?namespace=*"), 403)
        for name in [one["metadata"]["name"] for one in desk.send("GET", f"{RBAC}/namespaces/team-a/roles")["items"]]:
            desk.send("DELETE", f"{RBAC}/namespaces/team-a/roles/{name}")
        eventually(lambda: caller.get("/jobs?namespace=team-a").status_code == 403, 8)


def test_an_event_takes_the_right_where_it_is_seen(doored: Installation, desk: Desk) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/rights", "type": "rights.tested"}
    kind = {"Content-Type": "application/cloudevents+json"}
    with desk.token("create", "eventhandlers/trigger") as caller:
        problem(caller.post("/events", json=event, headers=kind), 403)
        answer = caller.post("/events", json={**event, "namespace": "team-a"}, headers=kind)
        assert answer.status_code == 202, answer.text
