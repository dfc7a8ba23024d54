"""Redis frozen, the API server killed: 503 with Retry-After, while reads that need neither go on."""

import signal
import time
from collections.abc import Iterator

import pytest

from eventually import eventually
from integration.calls import JOB, Calls, problem
from integration.installation import Installation
from integration.objects import ready, scheduled


@pytest.fixture
def calls(doored: Installation) -> Iterator[Calls]:
    with Calls(doored.url("api-1")) as client:
        yield client
    doored.complaints()  # the others complain of what was done to them; their tests look at that


def listing(calls: Calls, job: str) -> float:
    """Seconds that it takes to be told of the only job, and of all."""
    begin = time.monotonic()
    assert calls.get(f"/jobs/{job}").json()["id"] == job
    assert calls.get("/jobs").headers["x-total-count"] == "1"
    return time.monotonic() - begin


def test_redis_is_frozen(doored: Installation, calls: Calls) -> None:
    job = calls.make()
    doored.plane.signal_part("redis", signal.SIGSTOP)
    try:
        assert eventually(lambda: listing(calls, job["id"]) < 3)
        for method, path in (("GET", f"/jobs/{job['id']}/executions"), ("POST", f"/jobs/{job['id']}/run")):
            answer = calls.request(method, path)
            problem(answer, 503)
            assert answer.headers["retry-after"]
    finally:
        doored.plane.signal_part("redis", signal.SIGCONT)
    eventually(lambda: calls.get(f"/jobs/{job['id']}/executions").status_code == 200, 15)


def test_the_api_server_is_killed(doored: Installation, calls: Calls) -> None:
    job = calls.make()
    doored.plane.stop_part("apiserver", signal.SIGKILL)
    try:
        assert calls.get(f"/jobs/{job['id']}").status_code == 200
        assert calls.get("/jobs").headers["x-total-count"] == "1"
        for answer in (calls.post("/jobs/cron", json=JOB), calls.get("/jobs/default:another")):
            problem(answer, 503)
            assert answer.headers["retry-after"]
        assert calls.post(f"/jobs/{job['id']}/run").status_code == 201, "runs need no API server"
        with Calls(doored.url("api-3"), "token") as guarded:
            problem(guarded.get("/jobs"), 503)
    finally:
        doored.plane.start_part("apiserver")
    assert calls.make(name="after")["resource_name"] == "after"
    eventually(lambda: calls.get("/jobs").headers["x-total-count"] == "2", 30)
    # what a process has to complain of it says before the next test
    eventually(lambda: all(component.ready() for component in doored.components.values()), 60)
    doored.wait(doored.apply(scheduled("later", "default", "api:echo"))[0], ready, 60)
