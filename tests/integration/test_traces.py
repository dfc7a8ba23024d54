"""Spans of a real worker at a collector that speaks OTLP."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from contract.conftest import redis_socket  # noqa: F401 - a fixture
from integration.workerbench import Bench
from kronstream.domain.run import State
from kronstream.domain.trace import traceparent


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
