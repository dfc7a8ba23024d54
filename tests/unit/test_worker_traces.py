"""Spans of attempts."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from opentelemetry import trace as current
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kronstream.domain.retry import Retry
from kronstream.domain.trace import traceparent
from kronstream.worker import traces
from kronstream.worker.children import Children
from kronstream.worker.executor import RELEASED, Executor
from kronstream.worker.registry import Registry
from kronstream.worker.slate import Slate
from unit.fakequeue import claim

pytestmark = pytest.mark.anyio

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def work(payload: Any) -> None:
    with current.get_tracer("of the handler").start_as_current_span("inner"):
        await asyncio.sleep(payload or 0)


async def fall(payload: Any) -> None:
    raise ValueError(payload)


class Bench:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.spans = traces.Traces(self.exporter)
        self.slate = Slate(10)
        self.ended: asyncio.Queue[Any] = asyncio.Queue()
        registry = Registry()
        registry.add("work", work)
        registry.add("fall", fall)
        self.registry = registry
        self.executor = Executor(
            registry, Children({}), self.slate, lambda *end: self.ended.put_nowait(end), 0.1, traces=self.spans
        )

    def start(self, name: str, payload: Any = None, **fields: Any) -> str:
        one = claim(name, payload, **fields)
        function = self.registry.get(name)
        assert function
        self.slate.put(0, one)
        self.executor.start(one, 0, function)
        return one.token

    async def told(self) -> Sequence[ReadableSpan]:
        await asyncio.wait_for(self.ended.get(), 30)
        await self.spans.close()
        return self.exporter.get_finished_spans()


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    bench = Bench()
    # a handler's own tracer is that of the process
    monkeypatch.setattr(current, "get_tracer", bench.spans.provider.get_tracer)
    yield bench
    bench.slate.close()


def context_of(span: ReadableSpan) -> str:
    assert span.context
    return f"{span.context.trace_id:032x}-{span.context.span_id:016x}"


async def test_an_attempt_is_a_span_of_the_context_that_its_requests_carry(bench: Bench) -> None:
    bench.start("work", run="uid-s1", attempt=2, trace=GIVEN, retry=Retry())
    inner, span = await bench.told()
    assert span.name == "run work"
    assert context_of(span) == traceparent("uid-s1", 2, GIVEN)[3:52]
    assert span.parent
    assert span.parent.span_id == 0x00F067AA0BA902B7
    assert inner.parent
    assert inner.parent.span_id == (span.context.span_id if span.context else None)
    attributes = dict(span.attributes or {})
    assert (attributes["kronstream.run"], attributes["kronstream.attempt"]) == ("uid-s1", 2)
    assert (attributes["kronstream.job"], attributes["kronstream.state"]) == ("ns/job", "success")


async def test_a_trace_of_no_form_leaves_the_run_its_own(bench: Bench) -> None:
    bench.start("work", run="uid-s1", trace="ticket 4711")
    _, span = await bench.told()
    assert span.parent is None
    assert context_of(span) == traceparent("uid-s1", 1)[3:52]


async def test_a_failure_is_told_with_its_reason(bench: Bench) -> None:
    bench.start("fall", "no such customer")
    (span,) = await bench.told()
    assert span.status.status_code.name == "ERROR"
    assert span.status.description == "ValueError: no such customer"
    assert dict(span.attributes or {})["kronstream.reason"] == "error"


async def test_a_run_that_is_handed_back_is_told_as_left(bench: Bench) -> None:
    token = bench.start("work", 3_600)
    await asyncio.sleep(0)
    bench.executor.end(token, RELEASED)
    *_, span = await bench.told()
    assert dict(span.attributes or {})["kronstream.state"] == "left"


def test_none_are_told_where_nobody_asks(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    assert traces.configured({}) is None
    assert traces.configured({**endpoint, "OTEL_SDK_DISABLED": "true"}) is None
    assert traces.configured(endpoint) is not None
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with caplog.at_level(logging.WARNING):
        assert traces.configured(endpoint) is None
    assert "install kronstream[traces]" in caplog.text
