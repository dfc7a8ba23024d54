"""OpenTelemetry spans, where the environment names a collector (``OTEL_EXPORTER_OTLP_ENDPOINT``).

The packages are an extra (``kronstream[traces]``) and are loaded only then. Trace and id of a span follow from what it
is about: they are the same whoever tells it, and others can hang theirs below without a word passing between them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
FLUSH = 2_000  # milliseconds for the last spans when a process ends

log = logging.getLogger(__name__)


def exporter(environ: Mapping[str, str]) -> SpanExporter | None:
    """Where spans go, as the environment says; None where it asks for none, or the packages are missing (logged)."""
    if not any(environ.get(name) for name in ENDPOINTS) or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    except ImportError as error:
        log.warning("no traces are told: %s; install kronstream[traces]", error)
        return None
    return OTLPSpanExporter()


class Telling:
    """Begins spans; they are exported in the background, and dropped while nobody takes them."""

    def __init__(self, exporter: SpanExporter, service: str) -> None:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        self._ids = _ids()
        self.provider: TracerProvider = TracerProvider(
            resource=Resource.create({"service.name": service}), id_generator=self._ids
        )
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self.provider.get_tracer("kronstream")

    def begin(self, name: str, own: str, parent: str | None = None, **more: Any) -> Any:
        """Begin a span whose context is ``own`` (a traceparent), below ``parent`` where there is one; ``more`` as
        ``Tracer.start_span`` has it."""
        _, trace_id, span_id, _ = own.split("-")
        self._ids.next = (int(trace_id, 16), int(span_id, 16))
        return self._tracer.start_span(name, context=_context(parent), **more)

    async def close(self) -> None:
        """Export what is left, within two seconds."""
        await asyncio.to_thread(self.provider.force_flush, FLUSH)


def link(traceparent: str) -> Any:
    """A link to the span of a traceparent."""
    from opentelemetry.trace import Link, get_current_span  # noqa: PLC0415

    return Link(get_current_span(_context(traceparent)).get_span_context())


def _context(traceparent: str | None) -> Any:
    from opentelemetry.context import Context  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    carried = {"traceparent": (traceparent or "").strip().lower()}
    return TraceContextTextMapPropagator().extract(carried, context=Context())


def _ids() -> Any:
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator  # noqa: PLC0415

    class Ids(RandomIdGenerator):
        """Those of the span that is begun; random ones for whatever is begun by others."""

        next: tuple[int, int] | None = None

        def generate_trace_id(self) -> int:
            return self.next[0] if self.next else super().generate_trace_id()

        def generate_span_id(self) -> int:
            taken, self.next = self.next, None
            return taken[1] if taken else super().generate_span_id()

    return Ids()
