"""What every request passes: identity, limits, keys, headers, and what is answered while something is away."""

import asyncio
import logging

import pytest
from redis.exceptions import ConnectionError as RedisAway

from kronstream.api import gate, limits
from kronstream.api.problem import Problem
from kronstream.api.rights import Act
from kronstream.api.routes import stream
from kronstream.api.strangers import Strangers
from kronstream.ports.jobstore import StoreAway
from unit.apibench import BASE, CRON, STRANGERS, ApiBench, judged, token

pytestmark = pytest.mark.anyio
KEY = {"Idempotency-Key": "k-1"}


class Clock:
    """Seconds that stand still unless ``now`` is told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_denial_is_never_remembered_and_an_allowance_for_five_seconds(guarded: ApiBench) -> None:
    reviews = guarded.reviews
    reviews.grant("t", "anna")
    found = judged(await guarded.call("GET", "/jobs", headers=token("t")), 403)
    assert found["detail"] == "anna lacks the right: list scheduledjobs.kronstream.dev in namespace default"
    reviews.grant("t", "anna", Act.LIST_JOBS.of("default"))
    for _ in range(3):
        assert (await guarded.call("GET", "/jobs", headers=token("t"))).status_code == 200
    assert len(reviews.asked) == 2


async def test_no_token_no_answer(guarded: ApiBench) -> None:
    for headers in ({}, token(""), token("x"), {"Authorization": "Basic dDp0"}, token("é"), token("x" * 100_000)):
        answer = await guarded.client.get(f"{BASE}/jobs", headers={k: v.encode() for k, v in headers.items()})
        judged(answer, 401)
        assert "www-authenticate" in answer.headers


async def test_the_cluster_is_away(guarded: ApiBench) -> None:
    guarded.reviews.fault = StoreAway("gone")
    answer = await guarded.call("GET", "/jobs", headers=token("t"))
    judged(answer, 503)
    assert answer.headers["retry-after"]


async def test_reads_go_on_while_redis_and_the_cluster_are_away(
    bench: ApiBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await bench.made()

    async def away(*_: object, **__: object) -> None:
        raise RedisAway("no")

    bench.store.fault = StoreAway("no")
    monkeypatch.setattr(bench.office.records, "page", away)
    monkeypatch.setattr(bench.office.requests, "pause", away)
    monkeypatch.setattr(bench.answers, "begin", away)
    assert (await bench.call("GET", f"/jobs/{job['id']}")).status_code == 200
    assert (await bench.call("GET", "/jobs")).status_code == 200
    for method, path, headers in (
        ("GET", f"/jobs/{job['id']}/executions", {}),
        ("POST", f"/jobs/{job['id']}/pause", {}),
        ("POST", f"/jobs/{job['id']}/resume", KEY),
        ("DELETE", f"/jobs/{job['id']}", {}),
    ):
        answer = await bench.call(method, path, headers=headers)
        judged(answer, 503)
        assert answer.headers["retry-after"]


async def test_only_ids_are_let_in_by_a_token_of_an_attempt(
    guarded: ApiBench, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"status": "success", "token": "guessed"}
    with caplog.at_level(logging.INFO, "kronstream.audit"):
        for text in ("x%0ay", "x%20y", "%1b[2K", "x" * 121, "é"):
            judged(await guarded.call("POST", f"/executions/{text}/complete", json=body), 401)
        assert not caplog.records
        judged(await guarded.call("POST", "/executions/a-1.f/complete", json=body), 409)
    assert [record.getMessage() for record in caplog.records] == [
        f"token:a-1.f POST {BASE}/executions/a-1.f/complete 409"
    ]


async def test_a_caller_has_so_many_requests_a_minute() -> None:
    bench = ApiBench(rate=100)
    statuses = [(await bench.call("GET", "/jobs")).status_code for _ in range(101)]
    assert statuses == [200] * 100 + [429]
    answer = await bench.client.get(f"{BASE}/jobs")
    judged(answer, 429)
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert (await bench.client.get("/healthz")).status_code == 200
    await bench.close()


@pytest.mark.parametrize("lost", ["token", "right"])
async def test_a_stream_ends_with_the_token_and_with_the_right(monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    monkeypatch.setattr(stream, "JUDGED", 0)
    monkeypatch.setattr(stream, "LOOK", 0.01)
    clock = Clock()
    guarded = ApiBench(guarded=True, clock=clock)
    guarded.reviews.grant("t", "anna", Act.CREATE_JOB.of("default"), Act.LIST_RUNS.of("default"))
    job = (await guarded.call("POST", "/jobs/cron", json=CRON, headers=token("t"))).json()
    following = asyncio.create_task(guarded.call("GET", f"/stream?job={job['id']}", headers=token("t")))
    asked = guarded.reviews.authenticated
    for _ in range(3):
        clock.now += 6  # what is remembered of a token is asked anew
        await asyncio.sleep(0.1)
    assert not following.done()
    if lost == "token":
        assert guarded.reviews.authenticated > asked
        guarded.reviews.callers.clear()
    else:
        guarded.reviews.grant("t", "anna")
    clock.now += 6
    answer = await asyncio.wait_for(following, 5)
    assert answer.text.endswith("event: end\ndata: {}\n\n")
    assert "event: job\n" in answer.text
    await guarded.close()


async def test_rubbish_does_not_become_reviews() -> None:
    clock = Clock()
    guarded = ApiBench(guarded=True, clock=clock)
    guarded.reviews.grant("good", "anna", Act.LIST_JOBS.of("default"))
    assert (await guarded.call("GET", "/jobs", headers=token("good"))).status_code == 200
    statuses = [(await guarded.call("GET", "/jobs", headers=token(f"bad-{n}"))).status_code for n in range(STRANGERS)]
    assert statuses == [401] * (STRANGERS - 1) + [429]
    answer = await guarded.call("GET", "/jobs", headers=token("bad"))
    judged(answer, 429)
    assert answer.headers["retry-after"] == "1"
    asked = guarded.reviews.authenticated
    assert asked == STRANGERS
    clock.now += 6  # what was remembered of the good one is asked about anew, whatever comes from its address
    for number in range(6):
        await guarded.call("GET", "/jobs", headers=token(f"worse-{number}"))
    assert (await guarded.call("GET", "/jobs", headers=token("good"))).status_code == 200
    assert guarded.reviews.authenticated == asked + 7
    judged(await guarded.call("GET", "/jobs", headers=token("another")), 429)
    await guarded.close()


def test_strangers_are_counted_by_network_and_together() -> None:
    clock = Clock()
    strangers = Strangers(2, clock)
    for address in ("10.0.0.1", "2001:db8::1", "::ffff:10.0.0.2", "nobody"):
        strangers.count(address)
        strangers.count(address)
        with pytest.raises(Problem, match="too many tokens"):
            strangers.count(address)
    with pytest.raises(Problem):
        strangers.count("2001:db8::ffff")  # the same network
    strangers.count("2001:db8:1::1")
    for number in range(11):
        strangers.count(f"10.1.0.{number}")
    with pytest.raises(Problem):
        strangers.count("10.1.1.1")
    clock.now += 60
    strangers.count("10.0.0.1")


async def test_a_store_that_does_not_count_holds_nobody_back(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = ApiBench(rate=100)

    async def silent(*_: object, **__: object) -> None:
        await asyncio.sleep(60)

    assert bench.services.limit is not None
    monkeypatch.setattr(bench.services.limit._limiter, "hit", silent)
    monkeypatch.setattr(limits, "PATIENCE", 0.01)
    assert [(await bench.call("GET", "/jobs")).status_code for _ in range(3)] == [200] * 3
    await bench.close()


async def test_an_unforeseen_fault_leaves_nothing_but_its_id(
    bench: ApiBench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a secret")

    monkeypatch.setattr(bench.services.catalogue, "page", broken)
    with caplog.at_level(logging.ERROR):
        found = judged(await bench.call("GET", "/jobs"), 500)
    assert "secret" not in str(found)
    number = found["detail"].split()[-1]
    assert any(number in record.message for record in caplog.records)


async def test_what_takes_too_long_is_given_up(bench: ApiBench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.call("GET", "/jobs")  # the first call makes the application
    monkeypatch.setattr(gate, "TIME_LIMIT", 0.5)
    ended = asyncio.Event()

    async def slow(*_: object) -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    monkeypatch.setattr(bench.store, "get", slow)
    judged(await bench.call("GET", "/jobs/default:nobody"), 503)
    await asyncio.wait_for(ended.wait(), 1)


async def test_a_write_that_was_given_up_is_told_in_the_log(
    bench: ApiBench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.call("GET", "/jobs")  # the first call makes the application
    monkeypatch.setattr(gate, "TIME_LIMIT", 0.3)

    async def slow(*_: object) -> None:
        await asyncio.sleep(30)

    monkeypatch.setattr(bench.store, "create", slow)
    with caplog.at_level(logging.INFO, "kronstream.audit"):
        judged(await bench.call("POST", "/jobs/cron", json=CRON), 503)
    assert [record.getMessage() for record in caplog.records] == [f"anonymous POST {BASE}/jobs/cron 503"]


async def test_headers_that_every_answer_has(bench: ApiBench) -> None:
    for answer in (
        await bench.call("GET", "/jobs"),
        await bench.call("GET", "/nothing"),
        await bench.client.get("/docs"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers


async def test_pages_of_other_origins_do_not_call_without_authentication(bench: ApiBench) -> None:
    judged(await bench.call("GET", "/jobs", headers={"Origin": "https://evil.example"}), 403)
    judged(await bench.call("GET", "/jobs", headers={"Host": "evil.example"}), 403)
    assert (await bench.call("GET", "/jobs", headers={"Origin": "http://localhost:8000"})).status_code == 200


async def test_origins_that_are_allowed() -> None:
    bench = ApiBench(guarded=True, origins=("https://console.example",))
    asked = {"Origin": "https://console.example", "Access-Control-Request-Method": "POST"}
    answer = await bench.client.options(f"{BASE}/jobs/cron", headers=asked)
    assert answer.headers["access-control-allow-origin"] == "https://console.example"
    told = await bench.call("GET", "/jobs", headers={"Origin": "https://console.example"})
    assert told.headers["access-control-allow-origin"] == "https://console.example"
    other = await bench.client.options(f"{BASE}/jobs/cron", headers={**asked, "Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers
    await bench.close()


async def test_probes_metrics_and_documents(bench: ApiBench) -> None:
    await bench.call("GET", "/jobs")
    assert (await bench.client.get("/readyz")).text == "well\n"
    metrics = (await bench.client.get("/metrics")).text
    assert 'kronstream_api_requests_total{method="GET",route="/api/v1/scheduler/jobs",status="200"} 1.0' in metrics
    document = (await bench.client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    page = (await bench.client.get("/docs")).text
    assert "http://" not in page.replace("http://localhost", "")
    assert "https://" not in page.replace("https://kronstream.dev", "")


async def test_metrics_with_a_port_of_their_own_are_not_where_the_api_is_called() -> None:
    bench = ApiBench(measured=False)
    assert "KRONSTREAM_API_METRICS_PORT" in judged(await bench.client.get("/metrics"), 404)["detail"]
    assert (await bench.client.get("/readyz")).text == "well\n"
    await bench.close()


async def test_a_call_that_belongs_to_a_trace_is_an_example_of_its_duration(bench: ApiBench) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    for told in (f"00-{trace}-00f067aa0ba902b7-01", "nonsense", None):
        assert (await bench.call("GET", "/jobs", headers={"traceparent": told} if told else {})).status_code == 200
    accept = "application/openmetrics-text; version=1.0.0"
    text = (await bench.client.get("/metrics", headers={"Accept": accept})).text
    assert text.count(f'# {{trace_id="{trace}"}}') == 1
    assert text.count("# {") == 1


async def test_a_process_that_is_sick_says_so_and_one_that_waits_does_not(bench: ApiBench) -> None:
    assert (await bench.client.get("/healthz")).status_code == 200
    sick = ApiBench(healthy=lambda: (False, "the watch stands still for 91 s"))
    answer = await sick.client.get("/healthz")
    await sick.close()
    assert (answer.status_code, answer.text) == (503, "the watch stands still for 91 s\n")
