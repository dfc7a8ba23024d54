"""A router ends although calls of its rooms swallow the cancellation, as a Redis client that is answered then does."""

import asyncio

import pytest

from kronstream import rooms
from kronstream.rooms import live_together
from unit.answered import Answered
from unit.eventstage import STREAM, EventStage

pytestmark = pytest.mark.anyio


async def test_a_router_ends(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(rooms, "AGAIN", 0.001)
    monkeypatch.setattr(rooms, "PATIENCE", 5.0)
    stage = EventStage()
    await stage.pulse.beat()
    await stage.log.join(STREAM, "0")
    calls = {
        (stage.effects, "take_due"): Answered(()),
        (stage.effects, "tend"): Answered(0),
        (stage.log, "join"): Answered(None),
    }
    for (port, name), call in calls.items():
        monkeypatch.setattr(port, name, call)

    router = asyncio.create_task(live_together([stage.acting.run, stage.reading.run, stage.delivery.run]))
    for call in calls.values():
        await call.asked.wait()
    router.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(router, 10)
    assert "do not end" not in caplog.text
