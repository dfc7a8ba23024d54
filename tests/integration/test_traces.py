"""Spans of a real worker and a real operator at a collector that speaks OTLP."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from contract.conftest import redis_socket  # noqa: F401 - a fixture
from eventually import eventually
from integration.collector import Collector, collecting
from integration.installation import START, Installation
from integration.objects import scheduled
from integration.workerbench import Bench, Worker
from kronstream.dev.components import component
from kronstream.domain.retry import Retry
from kronstream.domain.run import State
from kronstream.domain.trace import dispatch, trace_id, traceparent


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def lines(worker: Worker, message: str) -> list[dict[str, Any]]:
    """Lines of a worker's log that end with a message."""
    told = [json.loads(line) for line in worker.log.splitlines() if line.startswith("{")]
    return [line for line in told if line["message"].endswith(message)]


def test_what_a_handler_logs_carries_its_run_job_attempt_and_trace(
    tmp_path: Path,
    redis_socket: Path,  # noqa: F811
) -> None:
    bench = Bench(tmp_path, redis_socket)
    try:
        worker = bench.worker(KRONSTREAM_LOG_FORMAT="json", OTEL_SDK_DISABLED="true").ready()
        runs = {"and logged": "async:raise", "logged by the run": "sync:run", "on purpose": "async:raise"}
        for message, function in runs.items():
            (run,) = bench.dispatch(function, retry=Retry(limit=0))
            bench.over(run)
            told = eventually(lambda: [line for line in lines(worker, message) if line["run"] == run])  # noqa: B023
            assert len(told) == 1
            assert (told[0]["job"], told[0]["attempt"]) == ("default/job", 1)
            assert told[0]["trace_id"] == trace_id(run)
        assert worker.stop() == 0
    finally:
        bench.close()


def test_a_runs_span_is_exported_before_the_worker_ends(
    tmp_path: Path,
    redis_socket: Path,  # noqa: F811
    collector: Collector,
) -> None:
    bench = Bench(tmp_path, redis_socket)
    try:
        worker = bench.worker(**collector.environ).ready()
        (run,) = bench.dispatch("sync:echo", 1)
        assert bench.over(run).state is State.SUCCESS
        assert worker.stop() == 0
        (span,) = eventually(collector.spans)
    finally:
        bench.close()
    assert span.name == "run sync:echo"
    assert f"{span.trace_id.hex()}-{span.span_id.hex()}" == traceparent(run, 1)[3:52]
    assert span.parent_span_id.hex() == dispatch(run)[36:52]


def serves(port: int) -> bool:
    """Whether an operator says that it has a share of the jobs."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return "kronstream_operator_serving 1.0" in answer.read().decode()
    except OSError:
        return False


def test_an_operator_tells_of_its_adoptions_and_dispatches(doored: Installation, collector: Collector) -> None:
    operator = component(doored.plane, "operator", 9, environ=collector.environ)
    operator.process.start()
    try:
        # it has a share once it knows every job
        operator.process.wait_until(lambda: serves(operator.port), START)
        jobs = [doored.objects.apply(scheduled(f"traced-{n}", "default", "api:echo", every="1s")) for n in range(8)]
        uids = {job["metadata"]["uid"]: job for job in jobs}

        def told() -> tuple[Span, Span] | None:
            """The dispatch of a job whose adoption was told, too; the replica tells of its share."""
            spans = collector.spans()
            adoptions = {span.span_id: span for span in spans if span.name == "adopt"}
            return next(
                ((adoptions[span.links[0].span_id], span) for span in spans
                 if span.name == "dispatch" and span.links[0].span_id in adoptions), None,
            )  # fmt: skip

        adopt, sent = eventually(told, within=60)
    finally:
        operator.process.stop()
    named = {one.key: one.value.string_value for one in sent.attributes}
    assert named["kronstream.uid"] in uids
    assert sent.trace_id.hex() == trace_id(named["kronstream.run"])
    assert adopt.end_time_unix_nano <= sent.end_time_unix_nano
