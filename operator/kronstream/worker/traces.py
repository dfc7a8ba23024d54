"""OpenTelemetry spans of attempts, where the environment names a collector (``OTEL_EXPORTER_OTLP_ENDPOINT``).

The packages are an extra (``kronstream[traces]``) and are loaded only then. A span's trace and id are those of the W3C
context that requests of the attempt carry (``domain/trace.py``), so that what they cause lies below it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextvars import Context
from typing import TYPE_CHECKING, Any

from kronstream.domain import trace
from kronstream.ports import Claim, Outcome

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
FLUSH = 2_000  # milliseconds for the last spans when the worker ends

log = logging.getLogger(__name__)


def configured(environ: Mapping[str, str]) -> Traces | None:
    """The spans that the environment asks for; None where it asks for none, or the packages are missing (logged)."""
    if not any(environ.get(name) for name in ENDPOINTS) or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    except ImportError as error:
        log.warning("no traces are told: %s; install kronstream[traces]", error)
        return None
    return Traces(OTLPSpanExporter())


class Traces:
    """Begins and ends a span for each attempt; they are exported in the background, and dropped while nobody takes
    them."""

    def __init__(self, exporter: SpanExporter) -> None:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        self._ids = _ids()
        resource = Resource.create({"service.name": "kronstream-worker"})
        self._provider: TracerProvider = TracerProvider(resource=resource, id_generator=self._ids)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("kronstream")

    def begin(self, claim: Claim, context: Context) -> Any:
        """Begin the span of an attempt; spans that its handler begins in this context lie below it."""
        from opentelemetry import context as current  # noqa: PLC0415
        from opentelemetry.trace import SpanKind, set_span_in_context  # noqa: PLC0415

        _, trace_id, span_id, _ = trace.traceparent(claim.run, claim.attempt, claim.trace).split("-")
        self._ids.next = (int(trace_id, 16), int(span_id, 16))
        work = claim.work
        span = self._tracer.start_span(
            f"run {work.function}",
            context=_parent(claim.trace),
            kind=SpanKind.CONSUMER,
            attributes={
                "kronstream.run": claim.run,
                "kronstream.job": f"{work.namespace}/{work.name}",
                "kronstream.attempt": claim.attempt,
                "kronstream.nominal": claim.nominal,
            },
        )
        context.run(lambda: current.attach(set_span_in_context(span)))
        return span

    def end(self, span: Any, outcome: Outcome | None) -> None:
        """End it; without an outcome the run went on elsewhere, or with another worker."""
        from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

        if outcome is None:
            span.set_attribute("kronstream.state", "left")
        else:
            span.set_attribute("kronstream.state", outcome.state.value)
            if outcome.reason is not None:
                span.set_attribute("kronstream.reason", outcome.reason.value)
            if outcome.failure is not None:
                span.set_status(Status(StatusCode.ERROR, f"{outcome.failure.type}: {outcome.failure.message}"[:1_000]))
        span.end()

    async def close(self) -> None:
        """Export what is left, within two seconds."""
        await asyncio.to_thread(self._provider.force_flush, FLUSH)


def _parent(given: str | None) -> Any:
    """The context of whoever asked for the run, where a traceparent came with it."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    return TraceContextTextMapPropagator().extract({"traceparent": (given or "").strip().lower()})


def _ids() -> Any:
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator  # noqa: PLC0415

    class Ids(RandomIdGenerator):
        """Those of the attempt that is begun; random ones for whatever its handler begins."""

        next: tuple[int, int] | None = None

        def generate_trace_id(self) -> int:
            return self.next[0] if self.next else super().generate_trace_id()

        def generate_span_id(self) -> int:
            taken, self.next = self.next, None
            return taken[1] if taken else super().generate_span_id()

    return Ids()
