"""Who may do what, asked of the real cluster: a token with exactly the right, and one without it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from eventually import eventually
from integration.calls import JOB, Calls, problem
from integration.installation import Installation
from integration.objects import handling, scheduled
from integration.rights import CALLS, DAYS, EVENT, RBAC, Call, Desk
from unit.docpage import ROOT, blocks


@pytest.fixture(scope="module")
def desk(doored_installation: Installation) -> Desk:
    return Desk(doored_installation)


@pytest.fixture(scope="module")
def nobody(desk: Desk) -> Iterator[Calls]:
    """Somebody whom the cluster knows, and who may do nothing."""
    with desk.token() as caller:
        yield caller


@pytest.fixture(scope="module")
def other(desk: Desk) -> Iterator[Calls]:
    """Somebody who may do with everything what no call takes."""
    with desk.token(*{("watch", one.right[1]) for one in CALLS}, namespace=None) as caller:
        yield caller


@pytest.fixture
def names(doored: Installation, desk: Desk) -> dict[str, Any]:
    """A job in team-a, with a run that waits for ever, and what else calls name."""
    with Calls(doored.url("api-1")) as admin:
        made = admin.make(namespace="team-a", queue="nobody", schedule="0 0 1 1 *")
        run = admin.post(f"/jobs/{made['id']}/run").json()["execution_id"]
        return {**made, "job_id": made["id"], "execution_id": run, "name": "none", "letter_id": "run-1-1"}


@pytest.fixture
def known(doored: Installation, nobody: Calls, names: dict[str, Any], one: Call) -> dict[str, Any]:
    """With an operation or a handler, where the call names one."""
    found = dict(names)
    with Calls(doored.url("api-1")) as admin:
        if "{operation_id}" in one.call:
            begun = admin.post(f"/jobs/{names['job_id']}/backfill", json={**DAYS, "dry_run": False}).json()
            found["operation_id"] = begun["operation_id"]
        if "/event-handlers" in one.call:
            doored.objects.apply(handling("hears", "x.y", namespace="team-a", action={"runJob": {"name": "x"}}))
            place = "/event-handlers/team-a:hears"
            found["handler_id"] = eventually(lambda: admin.get(place).json().get("id"))
            # the API that asks for tokens knows it, too, once it denies it
            eventually(lambda: nobody.get(f"/event-handlers/{found['handler_id']}").status_code == 403)
    return found


@pytest.mark.parametrize("one", CALLS, ids=lambda one: f"{one.method} {one.place or one.call}")
def test_exactly_the_right_is_enough_and_nothing_else_is(
    desk: Desk, nobody: Calls, other: Calls, known: dict[str, Any], one: Call
) -> None:
    verb, resource = one.right
    where = "" if one.everywhere else " in namespace team-a"
    found = problem(one.asked(nobody, known), 403)
    assert found["detail"].endswith(f"lacks the right: {verb} {resource}.kronstream.dev{where}")
    problem(one.asked(other, known), 403)
    if one.everywhere:
        with desk.token(one.right) as local:
            problem(one.asked(local, known), 403)
    if one.also is not None:
        with desk.token(one.right) as half:
            assert one.also[1] in problem(one.asked(half, known), 403)["detail"]
    rights = (one.right, one.also) if one.also is not None else (one.right,)
    with desk.token(*rights, namespace=None if one.everywhere else "team-a") as caller:
        answer = one.asked(caller, known)
        assert answer.status_code == one.status, answer.text


def test_an_order_is_ended_by_who_might_begin_it(doored: Installation, desk: Desk, names: dict[str, Any]) -> None:
    with Calls(doored.url("api-1")) as admin:
        order = admin.post("/executions:cancel", json={"job": names["job_id"], "status": "running"}).json()
    place = f"/operations/{order['operation_id']}"
    with desk.token(("create", "scheduledjobs/backfill"), ("create", "scheduledjobs/run")) as another:
        assert "delete scheduledjobs/run" in problem(another.delete(place), 403)["detail"]
    with desk.token(("delete", "scheduledjobs/run")) as caller:
        eventually(lambda: caller.delete(place).status_code in (204, 409))


def test_without_a_token_nothing_is_told(doored: Installation, desk: Desk, names: dict[str, Any]) -> None:
    url = doored.url("api-3")
    for token in ("", "nonsense", "a.b.c", "x" * 20_000):
        with Calls(url, token) as caller:
            for path in ("/jobs", f"/jobs/{names['job_id']}", "/no-such-path", "/stats"):
                answer = caller.get(path)
                problem(answer, 401)
                assert answer.headers["www-authenticate"].startswith("Bearer")
    root = url.removesuffix("/api/v1/scheduler")
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
        assert httpx.get(root + path).status_code == 200, path


def test_who_asked_is_recorded(doored: Installation, desk: Desk) -> None:
    with desk.token(("create", "scheduledjobs")) as caller:
        job = caller.make(namespace="team-a", created_by=None)
        problem(caller.get(f"/jobs/{job['id']}"), 403)
        assert job["created_by"].startswith("system:serviceaccount:team-a:caller-")
        named = caller.make(namespace="team-a", created_by="somebody")
    kept = doored.objects.get({"metadata": {"namespace": "team-a", "name": named["resource_name"]}})
    assert kept["spec"]["createdBy"] == "somebody"
    assert kept["metadata"]["annotations"]["kronstream.dev/requested-by"] == job["created_by"]
    assert f"{job['created_by']} POST /api/v1/scheduler/jobs/cron 201" in doored.log("api-3")


def test_a_policy_of_admission_judges_who_asked_the_api(doored: Installation, desk: Desk) -> None:
    """That of docs/security.md, as it is."""
    (block,) = [one for one in blocks(ROOT / "docs" / "security.md") if "kind: ValidatingAdmissionPolicy" in one.text]
    kubectl = doored.plane.kubectl
    kubectl("apply", "-f", "-", stdin=block.text)
    try:
        with desk.token(("create", "scheduledjobs"), namespace=None) as caller:
            denied = eventually(lambda: (got := caller.post("/jobs/cron", json=JOB)).status_code != 201 and got, 20)
            told = problem(denied, 400)["detail"]
            assert "service accounts make jobs in their own namespace alone" in told
            own = caller.make(namespace="team-a", created_by="system:serviceaccount:default:other")
            forged = {**JOB, "created_by": "system:serviceaccount:default:me"}
            problem(caller.post("/jobs/cron", json=forged), 400)
        assert own["created_by"] == "system:serviceaccount:default:other"
        # who writes by kubectl is judged by what they are themselves
        doored.objects.apply(scheduled("by-hand", "default", "api:echo"))
    finally:
        kubectl("delete", "-f", "-", stdin=block.text)


def test_a_right_that_is_taken_away_is_gone_within_seconds(doored: Installation, desk: Desk) -> None:
    with desk.token(("list", "scheduledjobs")) as caller:
        assert caller.get("/jobs?namespace=team-a").status_code == 200
        problem(caller.get("/jobs?namespace=default"), 403)
        problem(caller.get("/jobs?namespace=*"), 403)
        for name in [one["metadata"]["name"] for one in desk.send("GET", f"{RBAC}/namespaces/team-a/roles")["items"]]:
            desk.send("DELETE", f"{RBAC}/namespaces/team-a/roles/{name}")
        eventually(lambda: caller.get("/jobs?namespace=team-a").status_code == 403, 8)


@pytest.mark.parametrize("path", ["/events", "/events/trigger"])
def test_an_event_takes_the_right_where_it_is_seen(desk: Desk, path: str) -> None:
    kind = "application/cloudevents+json" if path == "/events" else "application/json"
    event = {name: text for name, text in EVENT.items() if name != "namespace"}
    body = event if path == "/events" else {"event_name": "rights.tested"}
    with desk.token(("create", "eventhandlers/trigger")) as caller:
        found = problem(caller.post(path, json=body, headers={"Content-Type": kind}), 403)
        assert found["detail"].endswith("lacks the right: create eventhandlers/trigger.kronstream.dev")
    with desk.token(("create", "eventhandlers/trigger"), namespace=None) as caller:
        ask = lambda: caller.post(path, json=body, headers={"Content-Type": kind}).status_code  # noqa: E731
        assert eventually(lambda: (status := ask()) != 403 and status) in (200, 202)
