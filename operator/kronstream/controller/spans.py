"""Spans of the operator: that a generation of a job came into force, and that a run was dispatched.

A dispatch is the root of its run's trace, its attempts lie below it; it names the adoption by a link, for one adoption
is followed by any number of runs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import repeat
from typing import TYPE_CHECKING

from kronstream import telemetry
from kronstream.controller.job import Job
from kronstream.domain import trace
from kronstream.domain.run import Trigger, run_id
from kronstream.ports import Dispatch

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

MILLISECOND = 1_000_000  # nanoseconds


def configured(environ: Mapping[str, str]) -> Spans | None:
    """The spans that the environment asks for; None where it asks for none, or the packages are missing (logged)."""
    exporter = telemetry.exporter(environ)
    return None if exporter is None else Spans(exporter)


class Spans:
    """Tells what this replica did."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._telling = telemetry.Telling(exporter, "kronstream-operator")

    def adopted(self, job: Job) -> None:
        """A generation that this replica read is in force from now on."""
        from opentelemetry.trace import SpanKind  # noqa: PLC0415

        span = self._telling.begin(
            "adopt",
            trace.adoption(job.uid, job.generation),
            kind=SpanKind.INTERNAL,
            attributes={**_names(job), "kronstream.generation": job.generation},
            start_time=min(job.read_at, time.time_ns()),
        )
        span.end()

    def dispatched(self, job: Job, item: Dispatch, now: int) -> None:
        """The runs of a dispatch are in the stream since ``now`` (milliseconds); a span begins when its run was due."""
        from opentelemetry.trace import SpanKind  # noqa: PLC0415

        links = [telemetry.link(trace.adoption(job.uid, item.generation))] if item.due else []
        for nominal, delay in zip(item.due, item.delays or repeat(0), strict=False):
            run = run_id(job.uid, Trigger.SCHEDULE, str(nominal))
            span = self._telling.begin(
                "dispatch",
                trace.dispatch(run),
                kind=SpanKind.PRODUCER,
                attributes={**_names(job), "kronstream.run": run, "kronstream.nominal": nominal},
                links=links,
                start_time=min(nominal + delay, now) * MILLISECOND,
            )
            span.end(now * MILLISECOND)

    async def close(self) -> None:
        """Export what is left, within two seconds."""
        await self._telling.close()


def _names(job: Job) -> dict[str, str]:
    return {"kronstream.job": f"{job.namespace}/{job.name}", "kronstream.uid": job.uid}
