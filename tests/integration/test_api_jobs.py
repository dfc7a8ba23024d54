"""Jobs over HTTP on the real parts: every row of the contract that is about them, on two replicas."""

from urllib.parse import urlsplit

import pytest

from eventually import eventually
from integration.calls import Calls, problem
from integration.installation import Installation
from integration.objects import scheduled


@pytest.fixture
def calls(doored: Installation):
    with Calls(doored.url("api-1")) as client:
        yield client


@pytest.fixture
def other(doored: Installation):
    with Calls(doored.url("api-2")) as client:
        yield client


def test_every_replica_serves_a_job_once_it_was_made(calls: Calls, other: Calls) -> None:
    for number in range(20):
        job = calls.make(name=f"at once {number}")
        answer = other.get(f"/jobs/{job['id']}")
        assert answer.status_code == 200, answer.text
        assert other.get(f"/jobs/default:{job['resource_name']}").json()["id"] == job["id"]


def test_a_job_of_kubectl_is_served_and_listed(doored: Installation, calls: Calls) -> None:
    made = [
        scheduled("applied", "default", "api:echo", every="1h", tags=["red", "blue"], platformId="p 1"),
        scheduled("plain", "default", "api:echo", tags=["red"]),
        scheduled("broken", "default", "api:echo", schedule="61 * * * *"),
        scheduled("held", "default", "api:echo", schedule="0 0 1 1 *", suspend=True),
    ]
    for job in made:
        doored.objects.apply(job)

    def names(**query: object) -> list[str]:
        answer = calls.get("/jobs", params=query)
        assert answer.headers["x-total-count"] == str(len(answer.json()))
        return sorted(job["resource_name"] for job in answer.json())

    # the jobs of the test before may just have gone
    eventually(lambda: names() == ["applied", "broken", "held", "plain"])
    eventually(lambda: names(status="invalid") == ["broken"] and names(status="paused") == ["held"])
    assert names(type="interval") == ["applied"]
    assert names(type="manual") == ["plain"]
    assert names(type="cron", status="active") == []
    assert names(tag="red") == ["applied", "plain"]
    assert names(tag="red", platform_id="p 1") == ["applied"]
    assert names(namespace="kronstream-system") == []
    broken = calls.get("/jobs/default:broken").json()
    assert "schedule" in broken["message"]


def test_pages_have_links(calls: Calls) -> None:
    made = [calls.make(name=f"page {number}")["id"] for number in range(5)]
    eventually(lambda: calls.get("/jobs?tag=").headers["x-total-count"] == "5")
    found, place = [], "/jobs?limit=2"
    while place:
        answer = calls.get(place.removeprefix("/api/v1/scheduler"))
        assert answer.headers["x-total-count"] == "5"
        found += [job["id"] for job in answer.json()]
        following = [link for link in answer.headers["link"].split(", ") if 'rel="next"' in link]
        place = following[0].partition(">")[0].lstrip("<") if following else ""
    assert sorted(found) == sorted(made)


def test_pause_and_resume(doored: Installation, calls: Calls, other: Calls) -> None:
    job = calls.make(schedule="* * * * * *", name="every second")
    for _ in range(2):
        answer = calls.post(f"/jobs/{job['id']}/pause", json={"reason": "the database moves"})
        assert (answer.status_code, answer.json()) == (200, {"message": "Job paused successfully"})
    assert calls.get(f"/jobs/{job['id']}").json()["status"] == "paused"
    eventually(lambda: other.get(f"/jobs/{job['id']}").json()["paused"])
    kept = doored.objects.get({"metadata": {"namespace": "default", "name": "every-second"}})
    assert "suspend" not in kept["spec"] or kept["spec"]["suspend"] is False
    assert other.get("/jobs?status=paused").json()[0]["id"] == job["id"]
    for _ in range(2):
        answer = other.post(f"/jobs/{job['id']}/resume")
        assert (answer.status_code, answer.json()) == (200, {"message": "Job resumed successfully"})
    eventually(lambda: calls.get(f"/jobs/{job['id']}").json()["status"] == "active")


def test_resume_of_a_job_that_its_spec_holds(doored: Installation, calls: Calls) -> None:
    doored.objects.apply(scheduled("declared", "default", schedule="* * * * *", suspend=True))
    answer = eventually(lambda: (got := calls.post("/jobs/default:declared/resume")).status_code != 503 and got)
    found = problem(answer, 409)
    assert "spec.suspend" in found["detail"]


def test_another_time(calls: Calls, other: Calls) -> None:
    cron = calls.make()
    once = calls.make("/jobs/once", schedule=None, execute_at="2037-01-01T00:00:00Z")
    of_cron, of_once = f"/jobs/{cron['id']}/schedule", f"/jobs/{once['id']}/schedule"
    answer = calls.put(of_once, json={"execute_at": "2037-02-01T01:00:00+01:00"})
    assert answer.json()["execute_at"] == "2037-02-01T00:00:00.000Z"
    assert "type cron" in problem(calls.put(of_cron, json={"execute_at": "2027-01-01T00:00:00Z"}), 409)["detail"]
    assert "type once" in problem(calls.put(of_once, json={"schedule": "0 3 * * *"}), 409)["detail"]
    bad = problem(calls.put(of_cron, json={"schedule": "0 25 * * *"}), 400)
    assert bad["errors"][0]["field"] == "schedule"
    bad = problem(calls.put(of_cron, json={"schedule": "0 2 * * *", "timezone": "Mars/Base"}), 400)
    assert bad["errors"][0]["field"] == "timezone"
    moved = other.put(
        f"/jobs/{cron['id']}/schedule", json={"schedule": "0 4 * * *", "timezone": "Europe/Berlin"}
    ).json()
    assert (moved["schedule"], moved["timezone"]) == ("0 4 * * *", "Europe/Berlin")
    assert moved["updated_at"] >= cron["updated_at"]


def test_delete_and_its_executions(doored: Installation, calls: Calls) -> None:
    job = calls.make(name="to go", handler_name="api:sleep", payload={"seconds": 30})
    run = calls.post(f"/jobs/{job['id']}/run").json()["execution_id"]
    eventually(lambda: calls.get(f"/executions/{run}").json()["status"] == "running")
    assert calls.delete(f"/jobs/{job['id']}?cancel=true").status_code == 204
    problem(calls.get(f"/jobs/{job['id']}"), 404)
    problem(calls.delete(f"/jobs/{job['id']}"), 404)
    eventually(lambda: calls.get(f"/executions/{run}").json()["status"] == "cancelled")


def test_a_key_makes_one_job_on_all_replicas(doored: Installation, calls: Calls, other: Calls) -> None:
    headers = {"Idempotency-Key": "one and only".replace(" ", "-")}
    body = {"name": "Once", "schedule": "@daily", "handler_name": "api:echo"}
    first, again = (one.post("/jobs/cron", json=body, headers=headers) for one in (calls, other))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert urlsplit(again.headers["location"]).path.endswith(first.json()["id"])
    problem(other.post("/jobs/cron", json={**body, "name": "Twice"}, headers=headers), 409)
    named = [job for job in doored.objects.all() if job["spec"].get("displayName") == "Once"]
    assert len(named) == 1


def test_previews(calls: Calls) -> None:
    job = calls.make(schedule="30 2 * * *", timezone="Europe/Berlin")
    found = calls.get(f"/jobs/{job['id']}/preview?n=3").json()
    assert (len(found["runs"]), found["timezone"]) == (3, "Europe/Berlin")
    body = {"schedule": "30 2 * * *", "timezone": "Europe/Berlin", "from": "2027-03-27T12:00:00Z", "n": 2}
    spring = calls.post("/preview", json=body).json()
    assert "clocks go forward" in spring["runs"][0]["notes"][0]
    assert problem(calls.post("/preview", json={"schedule": "nonsense"}), 400)["errors"][0]["field"] == "schedule"
    problem(calls.post("/preview", json={}), 400)
