"""Streams are joined, read, set apart when they cannot be read, and left."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from kronstream.domain.eventstream import Readable
from kronstream.events import reading as readings
from kronstream.events.hand import Hand
from kronstream.events.sources import Source, Sources, order
from kronstream.events.view import judged
from kronstream.ports import Entry, GroupLost, Lag
from kronstream.testing.eventlog import OUTCOMES
from unit.eventstage import DEFAULT, KEY, STREAM, EventStage, event, handler, manifest, soon, uid
from unit.fakecluster import NOW

pytestmark = pytest.mark.anyio
OTHER = "stream:other"


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("MEND", 0.02), ("LOOK", 0.02), ("AWAY", 0.01), ("BLOCK", 10)):
        monkeypatch.setattr(readings, name, value)


@asynccontextmanager
async def reading(*objects: dict[str, Any], hand: int = 100, readable: Readable = DEFAULT) -> AsyncIterator[EventStage]:
    """A stage whose streams are read while it lasts."""
    stage = EventStage(hand=hand, readable=readable)
    await stage.open(*objects)
    stage.table.changed = stage.reading.changed
    room = asyncio.create_task(stage.reading.run())
    try:
        yield stage
    finally:
        room.cancel()
        await asyncio.wait([room])
        if not room.cancelled():
            room.result()


def joined(stage: EventStage, stream: str = STREAM) -> bool:
    source = stage.sources.get(stream)
    return source is not None and source.joined


async def test_a_stream_is_read_from_when_it_is_named() -> None:
    async with reading(manifest()) as stage:
        await soon(lambda: joined(stage))
        stage.log.add(STREAM, {"event": event()})

        (entry,) = await stage.hand.take(10)

        assert entry.fields == {"event": event()}
        assert joined(stage, OUTCOMES)


async def test_what_was_added_before_is_not_read() -> None:
    stage = EventStage()
    stage.log.add(STREAM, {"event": event()})
    await stage.open(manifest())

    await stage.reading._mend()

    assert await stage.log.read([STREAM], "router-1", 10, 0) == []


async def test_a_lost_group_begins_at_the_highest_id_that_a_status_tells() -> None:
    stage = EventStage()
    ids = [stage.log.add(STREAM, {"event": event(id=str(n))}) for n in range(4)]
    await stage.open(
        manifest(status={"lastId": ids[1]}), manifest(uid(2), status={"lastId": ids[0]}),
        manifest(uid(3), source={"stream": OTHER}, status={"lastId": ids[3]}),
    )  # fmt: skip

    await stage.reading._mend()

    assert [entry.id for entry in await stage.log.read([STREAM], "router-1", 10, 0)] == ids[2:]


async def test_a_stream_that_cannot_be_read_is_set_apart_and_tried_again() -> None:
    async with reading(manifest(), manifest(uid(2), source={"stream": OTHER})) as stage:
        await soon(lambda: joined(stage) and joined(stage, OTHER))

        stage.log.others.add(OTHER)
        await soon(lambda: not joined(stage, OTHER))
        source = stage.sources.get(OTHER)
        assert source is not None
        await soon(lambda: bool(source.fault))
        stage.log.add(STREAM, {"event": event()})
        assert len(await stage.hand.take(10)) == 1

        stage.log.others.clear()
        await soon(lambda: joined(stage, OTHER))
        assert source.fault == ""


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (OTHER, "stream:other is not among the streams that handlers may name: stream:events, stream:shop:*; name"),
        ("stream:work", "stream:work has no events but what kronstream and its workers"),
    ],
    ids=["not allowed", "closed"],
)
async def test_of_a_stream_that_handlers_must_not_name_nothing_is_asked(stream: str, said: str) -> None:
    readable = Readable.of(["stream:work"], ["stream:events", "stream:shop:*"])
    theirs = manifest(uid(2), source={"stream": stream})
    async with reading(manifest(), theirs, readable=readable) as stage:
        stage.log.add(stream, {"event": event(id="theirs")})
        await soon(lambda: joined(stage) and any(source.fault for source in stage.sources))
        stage.log.add(STREAM, {"event": event(id="mine")})

        (entry,) = await stage.hand.take(10)

        assert entry.stream == STREAM
        with pytest.raises(GroupLost):
            stage.log.consumers(stream)
        source = stage.sources.get(stream)
        assert source is not None
        found = {kind: (value, reason, told) for kind, value, reason, told in judged(handler(uid=uid(2)), [source])}
        assert found["Ready"][:2] == found["Listening"][:2] == ("False", "StreamFault")
        assert found["Ready"][2].startswith(said)


async def test_a_stream_that_nobody_names_is_left() -> None:
    async with reading(manifest()) as stage:
        await soon(lambda: joined(stage))
        stage.log.add(STREAM, {"event": event()})
        (entry,) = await stage.hand.take(10)
        await stage.log.ack(STREAM, [entry.id])

        stage.table.drop(KEY)

        await soon(lambda: stage.sources.get(STREAM) is None)
        await soon(lambda: not stage.log.consumers(STREAM))


async def test_what_this_router_had_comes_first() -> None:
    stage = EventStage()
    await stage.open(manifest())
    await stage.log.join(STREAM, "0")
    stage.log.add(STREAM, {"event": event(id="before")})
    await stage.log.read([STREAM], "router-1", 10, 0)
    stage.log.add(STREAM, {"event": event(id="after")})
    room = asyncio.create_task(stage.reading.run())

    await soon(lambda: len(stage.hand) == 2)
    first, second = await stage.hand.take(10)

    assert (first.fields["event"], first.deliveries) == (event(id="before"), 2)
    assert second.fields["event"] == event(id="after")
    room.cancel()
    await asyncio.wait([room])


async def test_what_another_router_left_is_taken_over() -> None:
    stage = EventStage()
    await stage.open(manifest())
    await stage.reading._mend()
    stage.log.add(STREAM, {"event": event()})
    assert len(await stage.log.read([STREAM], "router-dead", 10, 0)) == 1

    stage.time.advance(readings.IDLE - 1)
    await stage.reading._mend()
    assert len(stage.hand) == 0
    stage.time.advance(1)
    await stage.reading._mend()

    (entry,) = await stage.hand.take(10)
    assert entry.deliveries == 2


async def test_what_has_to_wait_in_hand_is_not_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "HOLD", 0.0)
    stage = EventStage()
    await stage.open(manifest())
    await stage.reading._mend()
    stage.log.add(STREAM, {"event": event()})
    stage.hand.put(await stage.log.read([STREAM], "router-1", 10, 0))

    for _ in range(20):  # as long as a store is full
        stage.time.advance(readings.IDLE - 1)
        await stage.reading._mend()
        assert await stage.log.reclaim(STREAM, "router-2", readings.IDLE, 10) == []

    stage.time.advance(readings.IDLE)
    (entry,) = await stage.log.reclaim(STREAM, "router-2", readings.IDLE, 10)
    assert entry.deliveries == 2


async def test_nothing_is_taken_over_while_the_hand_is_full() -> None:
    stage = EventStage(hand=1)
    await stage.open(manifest())
    await stage.reading._mend()
    for number in range(2):
        stage.log.add(STREAM, {"event": event(id=str(number))})
    await stage.log.read([STREAM], "router-dead", 1, 0)
    stage.hand.put(await stage.log.read([STREAM], "router-1", 1, 0))
    stage.time.advance(readings.IDLE)

    await stage.reading._mend()

    assert len(stage.hand) == 1


async def test_a_lost_reply_is_asked_for_again() -> None:
    async with reading(manifest()) as stage:
        await soon(lambda: joined(stage))
        own = stage.log.read

        async def lossy(streams: Sequence[str], consumer: str, count: int, block_ms: int) -> list[Entry]:
            if await own(streams, consumer, count, block_ms):
                stage.log.read = own  # type: ignore[method-assign]
                raise RedisConnectionError("the reply was lost")
            return []

        stage.log.read = lossy  # type: ignore[method-assign]
        await asyncio.sleep(0.03)  # the read that is under way ends
        stage.log.add(STREAM, {"event": event()})

        (entry,) = await stage.hand.take(10)

        assert entry.fields["event"] == event()


async def test_no_more_is_read_than_fits_into_the_hand() -> None:
    async with reading(manifest(), hand=5) as stage:
        await soon(lambda: joined(stage) and joined(stage, OUTCOMES))
        for number in range(50):
            stage.log.add(STREAM, {"event": event(id=str(number))})

        await soon(lambda: not stage.hand.room)
        await asyncio.sleep(0.05)
        assert len(stage.hand) <= 5 + 2

        seen: list[str] = []
        while len(seen) < 50:
            entries = await stage.hand.take(3)
            seen += [entry.id for entry in entries]
            await stage.log.ack(STREAM, [entry.id for entry in entries])
            stage.hand.drop(entries)
        assert len(set(seen)) == 50


async def test_a_lost_store_is_joined_anew() -> None:
    async with reading(manifest()) as stage:
        await soon(lambda: joined(stage))
        stage.log.wipe()
        stage.reading.lost()

        await soon(lambda: joined(stage))
        await soon(lambda: STREAM in stage.log._streams)
        stage.log.add(STREAM, {"event": event()})
        assert len(await stage.hand.take(10)) == 1


async def test_an_entry_in_hand_is_not_worked_on_twice() -> None:
    hand = Hand(10)
    one, two = Entry(STREAM, "1-0", {}), Entry(STREAM, "2-0", {})

    hand.put([one, two])
    hand.put([one])

    assert await hand.take(10) == [one, two]
    hand.put([one])
    hand.drop([one])
    hand.put([one])
    assert await hand.take(10) == [one]


def test_what_was_delivered_a_look_ago_counts_as_handled() -> None:
    source = Source(STREAM)

    source.see(Lag(0, None, "5-0", pending=3))
    assert source.settled == ""
    source.see(Lag(0, None, "9-0", pending=1))
    assert source.settled == "5-0"
    source.see(Lag(0, None, "12-1", pending=0))
    assert source.settled == "12-1"
    source.see(Lag(0, None, "12-1", pending=4))
    assert source.settled == "12-1"


def test_ids_are_compared_by_their_numbers() -> None:
    assert max(["9-0", "10-0", "10-2", "10", "odd"], key=order) == "10-2"


def test_sources_keep_what_is_wanted() -> None:
    sources = Sources()
    assert sources.want(["a", "b"]) == []
    first = sources.get("a")
    assert sources.want(["a", "c"]) == ["b"]
    assert sources.get("a") is first
    assert handler().stream == STREAM
    assert NOW
