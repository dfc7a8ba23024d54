"""Spans of adoptions and dispatches, and that an attempt's lies below its dispatch."""

import asyncio
from contextvars import copy_context

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from builders import dispatch, now
from kronstream.controller.job import Job
from kronstream.controller.spans import Spans, configured
from kronstream.domain.run import State
from kronstream.domain.trace import trace_id
from kronstream.ports import Outcome
from kronstream.worker.traces import Traces
from unit.fakequeue import claim

UID = "uid"


def context(span: ReadableSpan) -> tuple[int, int]:
    assert span.context
    return span.context.trace_id, span.context.span_id


def test_apply_dispatch_and_run_hang_together() -> None:
    exporter, due = InMemorySpanExporter(), now()
    spans, traces = Spans(exporter), Traces(exporter)
    job = Job(UID, "team", "report", 3, 0)
    spans.adopted(job)
    spans.dispatched(job, dispatch(0, due, uid=UID, generation=3, delays=(1_000,)), due + 1_250)
    one = claim("echo", run=f"{UID}-s{due}")
    traces.end(traces.begin(one, copy_context()), Outcome(one.run, one.token, State.SUCCESS, 5))
    for telling in (spans, traces):
        asyncio.run(telling.close())
    told = {span.name: span for span in exporter.get_finished_spans()}
    adopt, sent, run = told["adopt"], told["dispatch"], told["run echo"]
    assert context(sent)[0] == context(run)[0] == int(trace_id(one.run), 16)
    assert sent.parent is None
    assert run.parent
    assert run.parent.span_id == context(sent)[1]
    assert [(link.context.trace_id, link.context.span_id) for link in sent.links] == [context(adopt)]
    assert (sent.start_time, sent.end_time) == ((due + 1_000) * 1_000_000, (due + 1_250) * 1_000_000)
    assert sent.attributes
    assert sent.attributes["kronstream.job"] == "team/report"
    assert sent.attributes["kronstream.run"] == one.run
    assert adopt.start_time == job.read_at
    services = {span.resource.attributes["service.name"] for span in (adopt, sent)}
    assert services == {"kronstream-operator"}


def test_another_generation_is_another_adoption() -> None:
    exporter = InMemorySpanExporter()
    spans = Spans(exporter)
    for generation in (1, 2):
        spans.adopted(Job(UID, "team", "report", generation, 0))
    asyncio.run(spans.close())
    first, second = exporter.get_finished_spans()
    assert context(first)[0] != context(second)[0]


@pytest.mark.parametrize(("environ", "there"), [({}, False), ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:1"}, True)])
def test_they_are_told_where_somebody_asks(environ: dict[str, str], there: bool) -> None:
    assert (configured(environ) is not None) is there
