"""Rooms that live together end together, also those that do not hear it at first."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from kronstream import rooms
from kronstream.rooms import live_together, work_together
from unit.answered import Answered

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
    monkeypatch.setattr(rooms, "PATIENCE", 10.0)


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


async def test_rooms_of_rooms_end_too(quick: None) -> None:
    deaf, inner = Deaf(2), Deaf(2)
    house = [partial(live_together, [inner.run, inner.run]), deaf.run]
    living = asyncio.create_task(live_together(house))
    await inner.entered.wait()
    living.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(living, 5)
    assert deaf.ended
    assert inner.ended


async def test_the_error_of_a_room_in_a_room_is_raised_as_it_is(quick: None) -> None:
    deaf = Deaf(2)
    house = [partial(live_together, [deaf.run, after(deaf.entered, ValueError("broken"))]), Deaf(2).run]
    with pytest.raises(ValueError, match="broken"):
        await asyncio.wait_for(live_together(house), 5)
    assert deaf.ended


async def test_a_cancellation_that_was_swallowed_before_is_heard() -> None:
    begun = []

    async def room() -> None:
        begun.append(1)

    async def process() -> None:
        await Answered(None)()
        await live_together([room])

    living = asyncio.create_task(process())
    await asyncio.sleep(0)
    living.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(living, 5)
    assert not begun


async def test_those_that_work_together_end_each_for_itself() -> None:
    done = asyncio.Event()
    first = Deaf(0)

    async def last() -> None:
        await first.entered.wait()
        await asyncio.sleep(0)
        done.set()

    async def brief() -> None:
        first.entered.set()

    await asyncio.wait_for(work_together([brief, last]), 5)
    assert done.is_set()
    await work_together([])


async def test_one_that_fails_ends_those_that_work_with_it(quick: None) -> None:
    deaf = Deaf(2)
    with pytest.raises(ValueError, match="broken"):
        await asyncio.wait_for(work_together([deaf.run, after(deaf.entered, ValueError("broken"))]), 5)
    assert deaf.ended


async def test_one_that_never_hears_is_left_behind(
    quick: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "PATIENCE", 0.05)
    deaf = Deaf(10_000)
    with pytest.raises(ValueError, match="broken"):
        await asyncio.wait_for(live_together([deaf.run, after(deaf.entered, ValueError("broken"))]), 5)
    assert "1 room(s) do not end" in caplog.text
    deaf.times = 0
