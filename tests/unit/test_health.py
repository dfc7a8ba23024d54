"""Whether a process is sick: what stands still is said, what waits for others is not."""

import asyncio
import time
from collections.abc import Callable

import pytest

from kronstream import health
from kronstream.health import Health, Pace, loop_pace, turn

pytestmark = pytest.mark.anyio


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets the clock go on."""
    now = [time.monotonic()]
    monkeypatch.setattr(health.time, "monotonic", lambda: now[0])

    def go(seconds: float) -> None:
        now[0] += seconds

    return go


def test_what_stands_still_for_longer_than_it_may_is_named(later: Callable[[float], None]) -> None:
    ticker, watch = Pace("the ticker", 60.0), Pace("the watch", 90.0)
    check = Health([ticker, watch])
    ticker.on()
    watch.on()
    later(60.0)
    assert check() == (True, "ok")
    later(25.0)
    assert check() == (False, "the ticker stands still for 85 s")
    later(10.0)
    assert check() == (False, "the ticker stands still for 95 s; the watch stands still for 95 s")
    ticker.on()
    watch.on()
    assert check() == (True, "ok")


def test_what_has_not_begun_or_waits_for_others_is_well(later: Callable[[float], None]) -> None:
    pace = Pace("the ticker", 60.0)
    paces: list[Pace] = []
    check = Health(paces)
    paces.append(pace)  # it may join later
    later(3_600.0)
    assert check()[0]
    pace.on()
    pace.rest()
    later(3_600.0)
    assert check()[0]


async def test_a_loop_that_turns_says_so_and_one_that_is_blocked_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LOOP", 0.2)
    monkeypatch.setattr(health, "TURN", 0.01)
    pace = loop_pace()
    turning = asyncio.create_task(turn(pace))
    await asyncio.sleep(0.3)
    async with asyncio.timeout(10):
        while pace.fault:
            await asyncio.sleep(0.01)
    blocked = time.monotonic() + 0.3
    while time.monotonic() < blocked:
        pass
    assert pace.fault.startswith("the event loop stands still")
    turning.cancel()
