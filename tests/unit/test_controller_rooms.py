"""Rooms that live together end together, also those that do not hear it at first."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from kronstream import rooms
from kronstream.rooms import live_together

pytestmark = pytest.mark.anyio


class Deaf:
    """A room that swallows so many cancellations, as a client of a store may."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.entered = asyncio.Event()
        self.ended = False

    async def run(self) -> None:
        self.entered.set()
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.times -= 1
                if self.times < 0:
                    self.ended = True
                    raise


def after(event: asyncio.Event, error: Exception | None) -> Callable[[], Awaitable[None]]:
    async def room() -> None:
        await event.wait()
        if error is not None:
            raise error

    return room


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "AGAIN", 0.001)
    monkeypatch.setattr(rooms, "PATIENCE", 0.05)


async def test_when_one_fails_all_end_and_its_error_is_raised(quick: None) -> None:
    deaf = Deaf(3)
    with pytest.raises(ValueError, match="broken"):
        await asyncio.wait_for(live_together([deaf.run, after(deaf.entered, ValueError("broken"))]), 5)
    assert deaf.ended


async def test_a_room_that_just_ends_is_an_error_too(quick: None) -> None:
    deaf = Deaf(0)
    with pytest.raises(RuntimeError, match="without an error"):
        await asyncio.wait_for(live_together([deaf.run, after(deaf.entered, None)]), 5)
    assert deaf.ended


async def test_a_cancellation_ends_all(quick: None) -> None:
    deaf = Deaf(2)
    living = asyncio.create_task(live_together([deaf.run]))
    await deaf.entered.wait()
    living.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(living, 5)
    assert deaf.ended


async def test_one_that_never_hears_is_left_behind(quick: None, caplog: pytest.LogCaptureFixture) -> None:
    deaf = Deaf(10_000)
    with pytest.raises(ValueError, match="broken"):
        await asyncio.wait_for(live_together([deaf.run, after(deaf.entered, ValueError("broken"))]), 5)
    assert "1 room(s) do not end" in caplog.text
    deaf.times = 0
