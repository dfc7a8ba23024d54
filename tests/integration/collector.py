"""A collector of spans that speaks OTLP over HTTP."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector:
    """Keeps what it was sent; `environ` is for those who are to send it."""

    def __init__(self, address: str) -> None:
        self.environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
        self.bodies: queue.Queue[bytes] = queue.Queue()
        self._spans: list[Span] = []

    def spans(self) -> list[Span]:
        """All spans so far."""
        while not self.bodies.empty():
            request = ExportTraceServiceRequest.FromString(self.bodies.get())
            self._spans += [
                span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
            ]
        return self._spans


@contextmanager
def collecting() -> Iterator[Collector]:
    """One on a free port."""

    class Collect(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.bodies.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collect)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield collector
    server.shutdown()
