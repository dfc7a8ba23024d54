"""A caller that goes away frees the work of what it asked for, if that only reads."""

import asyncio
from typing import Any

import pytest

from kronstream.api import departure, gate
from kronstream.api.gate import Gate
from unit.apibench import BASE, ApiBench

pytestmark = pytest.mark.anyio


class Slow:
    """An application that works for long; ``ended`` tells how."""

    def __init__(self) -> None:
        self.begun, self.ended = asyncio.Event(), ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun.set()
        try:
            await asyncio.sleep(20)
            self.ended = "done"
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise


async def called(gate_: Gate, method: str, left: asyncio.Event) -> list[Any]:
    """What is sent to a caller that goes away at an event."""
    sent: list[Any] = []
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        for message in messages:
            return message
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    path = f"{BASE}/jobs"
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": []}
    await gate_(scope, receive, send)
    return sent


async def test_what_reads_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departure, "LOOK", 0.001)
    slow, left = Slow(), asyncio.Event()
    task = asyncio.create_task(called(Gate(slow, ApiBench()._services()), "GET", left))
    await slow.begun.wait()
    left.set()
    async with asyncio.timeout(5):
        assert await task == []
    assert slow.ended == "cancelled"


async def test_another_cancellation_is_no_departure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departure, "LOOK", 0.001)
    slow = Slow()
    task = asyncio.create_task(called(Gate(slow, ApiBench()._services()), "GET", asyncio.Event()))
    await slow.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert slow.ended == "cancelled"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    monkeypatch.setattr(gate, "TIME_LIMIT", 0.01)
    slow = Slow()
    sent = await called(Gate(slow, ApiBench()._services()), method, asyncio.Event())
    assert (sent[0]["status"], slow.ended) == (503, "cancelled")
