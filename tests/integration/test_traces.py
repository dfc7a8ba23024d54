"""Spans of a real worker at a collector that speaks OTLP."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from contract.conftest import redis_socket  # noqa: F401 - a fixture
from eventually import eventually
from integration.workerbench import Bench, Worker
from kronstream.domain.retry import Retry
from kronstream.domain.run import State
from kronstream.domain.trace import dispatch, trace_id, traceparent


@pytest.fixture
def collector() -> Iterator[tuple[str, queue.Queue[bytes]]]:
    """Its address, and what it was sent."""
    bodies: queue.Queue[bytes] = queue.Queue()

    class Collect(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collect)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()


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
    collector: tuple[str, queue.Queue[bytes]],
) -> None:
    address, bodies = collector
    bench = Bench(tmp_path, redis_socket)
    try:
        worker = bench.worker(OTEL_EXPORTER_OTLP_ENDPOINT=address, OTEL_EXPORTER_OTLP_COMPRESSION="none").ready()
        (run,) = bench.dispatch("sync:echo", 1)
        assert bench.over(run).state is State.SUCCESS
        assert worker.stop() == 0
        request = ExportTraceServiceRequest.FromString(bodies.get(timeout=10))
    finally:
        bench.close()
    (span,) = request.resource_spans[0].scope_spans[0].spans
    assert span.name == "run sync:echo"
    assert f"{span.trace_id.hex()}-{span.span_id.hex()}" == traceparent(run, 1)[3:52]
    assert span.parent_span_id.hex() == dispatch(run)[36:52]
