"""Spans of attempts, where the environment names a collector (``telemetry.py``).

A span's trace and id are those of the W3C context that requests of the attempt carry (``domain/trace.py``), so that
what they cause lies below it. It lies below whoever asked for the run, or below its dispatch by a schedule.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Context
from typing import TYPE_CHECKING, Any

from kronstream import telemetry
from kronstream.domain import trace
from kronstream.ports import Claim, Outcome

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter


def configured(environ: Mapping[str, str]) -> Traces | None:
    """The spans that the environment asks for; None where it asks for none, or the packages are missing (logged)."""
    exporter = telemetry.exporter(environ)
    return None if exporter is None else Traces(exporter)


class Traces:
    """Begins and ends a span for each attempt."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._telling = telemetry.Telling(exporter, "kronstream-worker")
        self.provider = self._telling.provider

    def begin(self, claim: Claim, context: Context) -> Any:
        """Begin the span of an attempt; spans that its handler begins in this context lie below it."""
        from opentelemetry import context as current  # noqa: PLC0415
        from opentelemetry.trace import SpanKind, set_span_in_context  # noqa: PLC0415

        work = claim.work
        span = self._telling.begin(
            f"run {work.function}",
            trace.traceparent(claim.run, claim.attempt, claim.trace),
            trace.parent(claim.run, claim.trace),
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
        await self._telling.close()
