"""The OpenAPI document and the calls agree: faults, examples, links, and what is no parameter."""

import pytest

from unit.apibench import BASE, ApiBench, fields, judged

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("method", "path", "field", "said"),
    [
        ("GET", "/jobs?staus=active", "staus", "write status, or remove it"),
        ("GET", "/jobs?limit=1&limit=2", "limit", "is written twice; write it once"),
        ("GET", "/jobs?=", "", "is not a parameter of this call"),
        ("GET", "/stats?x=1", "x", "remove it: there are none"),
        ("GET", "/stream?jobs=default:x", "jobs", "write job, or remove it"),
        ("POST", "/events/trigger?dryrun=true", "dryrun", "write dry_run, or remove it"),
        ("DELETE", "/jobs/default:x?cancle=true", "cancle", "write cancel, or remove it"),
    ],
)
async def test_what_is_no_parameter_is_refused(bench: ApiBench, method: str, path: str, field: str, said: str) -> None:
    body = {"event_name": "x"} if method == "POST" else None
    found = judged(await bench.call(method, path, json=body), 400)
    assert fields(found) == [field]
    assert said in found["detail"]


async def test_answers_tell_which_calls_take_what_they_tell(bench: ApiBench) -> None:
    document = (await bench.client.get("/openapi.json")).json()
    paths = document["paths"]
    made = paths[f"{BASE}/jobs/cron"]["post"]["responses"]["201"]["links"]
    taken = {one["operationId"] for one in made.values()}
    of_jobs = [call for path, calls in paths.items() if "/{job_id}" in path for call in calls.values()]
    assert taken == {call["operationId"] for call in of_jobs}
    assert {tuple(one["parameters"].items()) for one in made.values()} == {(("job_id", "$response.body#/id"),)}
    run = paths[f"{BASE}/jobs/{{job_id}}/run"]["post"]["responses"]["201"]["links"]
    assert {one["description"] for one in run.values()} == {
        "Get an execution", "Do an execution again", "Cancel an execution",
    }  # fmt: skip
    known = {call["operationId"] for calls in paths.values() for call in calls.values()}
    for calls in paths.values():
        for call in calls.values():
            for answer in call["responses"].values():
                assert set(answer.get("links", ())) <= known


async def test_the_document_tells_every_fault_and_example(bench: ApiBench) -> None:
    document = (await bench.client.get("/openapi.json")).json()
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            assert {"400", "401", "403", "429", "500", "503"} <= set(call["responses"]), (method, path)
            assert "422" not in call["responses"]
            for status, answer in call["responses"].items():
                if not status.startswith("2"):
                    assert list(answer["content"]) == ["application/problem+json"], (path, status)
