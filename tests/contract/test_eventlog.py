"""Streams of events: nothing is lost, whoever reads and whoever dies."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from redis.asyncio import Redis

from builders import now
from contract.redisstore import ADVANCE
from kronstream.ports import Entry, EventLog, GroupLost, Lag, LogAway, StreamFault
from kronstream.streams.connection import connect
from kronstream.streams.eventlog import RedisEventLog
from kronstream.streams.keys import Keys
from kronstream.testing import FixedClock, MemoryEventLog

pytestmark = pytest.mark.anyio

EVENTS, ORDERS = "stream:events", "stream:orders"
OWN = Keys().outcomes
IDLE = 10_000
HOUR = 3_600_000


class Bench:
    """A log under test, and what others do to its streams."""

    log: EventLog

    async def add(self, stream: str, *texts: str) -> list[str]:
        return await self.log.append(stream, texts)

    async def read(self, *streams: str, consumer: str = "a", count: int = 10, block: int = 0) -> list[Entry]:
        return await self.log.read(streams or (EVENTS,), consumer, count, block)


class RedisBench(Bench):
    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.log = RedisEventLog(redis, Keys())

    async def foreign(self, stream: str, fields: dict[Any, Any]) -> str:
        return str(await self.redis.xadd(stream, fields))

    async def entries(self, stream: str) -> list[str]:
        return [entry for entry, _ in await self.redis.xrange(stream)]

    async def consumers(self, stream: str) -> set[str]:
        return {row["name"] for row in await self.redis.xinfo_consumers(stream, "kronstream-router")}

    async def advance(self, ms: int) -> None:
        await self.redis.eval(ADVANCE, 0, Keys().base, "kronstream-router", ms)

    async def other(self, key: str) -> None:
        await self.redis.set(key, "1")

    async def lose(self) -> None:
        before = await self.redis.time()
        await self.redis.flushall()
        while (await self.redis.time())[1] // 1_000 == before[1] // 1_000:
            pass  # ids name the millisecond

    async def full(self, full: bool) -> None:
        await self.redis.config_set("maxmemory", 1 if full else 0)

    async def trim(self, stream: str, entry: str) -> None:
        await self.redis.xdel(stream, entry)

    async def leave_after(self, crashed: int, consumer: str) -> None:
        # how long a consumer has been idle cannot be set
        await RedisEventLog(self.redis, Keys(), crashed=crashed).leave([EVENTS], consumer)


class MemoryBench(Bench):
    def __init__(self) -> None:
        self.clock = FixedClock(now())
        self.log = self.memory = MemoryEventLog(self.clock, OWN)

    async def foreign(self, stream: str, fields: dict[Any, Any]) -> str:
        return self.memory.add(stream, fields)

    async def entries(self, stream: str) -> list[str]:
        return self.memory.entries(stream)

    async def consumers(self, stream: str) -> set[str]:
        return self.memory.consumers(stream)

    async def advance(self, ms: int) -> None:
        self.clock.advance(ms)

    async def other(self, key: str) -> None:
        self.memory.others.add(key)

    async def full(self, full: bool) -> None:
        self.memory.away = full

    async def lose(self) -> None:
        self.memory.wipe()
        self.clock.advance(1)

    async def trim(self, stream: str, entry: str) -> None:
        self.memory.delete(stream, entry)

    async def leave_after(self, crashed: int, consumer: str) -> None:
        self.clock.advance(HOUR - crashed)
        await self.log.leave([EVENTS], consumer)


@pytest.fixture
async def redis_bench(redis_socket: Path) -> AsyncIterator[RedisBench]:
    redis = connect(f"unix://{redis_socket}")
    await redis.flushall()
    yield RedisBench(redis)
    await redis.aclose()


@pytest.fixture(params=["redis", "memory"])
def bench(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("redis_bench") if request.param == "redis" else MemoryBench()


def texts(entries: list[Entry]) -> list[str]:
    return [entry.fields["event"] for entry in entries]


async def test_a_group_begins_with_what_comes_from_now_on(bench: Any) -> None:
    await bench.add(EVENTS, "before")
    await bench.log.join(EVENTS, "$")
    first, second = await bench.add(EVENTS, "1", "2")
    entries = await bench.read()
    assert entries == [Entry(EVENTS, first, {"event": "1"}), Entry(EVENTS, second, {"event": "2"})]
    assert [entry.deliveries for entry in entries] == [1, 1]
    assert await bench.read() == []


async def test_a_group_of_a_stream_that_is_not_there_makes_it(bench: Any) -> None:
    await bench.log.join(EVENTS, "$")
    assert await bench.read() == []
    await bench.add(EVENTS, "1")
    assert texts(await bench.read()) == ["1"]


async def test_joining_twice_changes_nothing(bench: Any) -> None:
    await bench.log.join(EVENTS, "$")
    await bench.add(EVENTS, "1")
    await bench.log.join(EVENTS, "$")
    assert texts(await bench.read()) == ["1"]
    await bench.log.join(EVENTS, "0")
    assert await bench.read() == []


async def test_a_group_may_begin_anywhere(bench: Any) -> None:
    first, _ = await bench.add(EVENTS, "1", "2")
    await bench.add(ORDERS, "3", "4")
    await bench.log.join(EVENTS, first)
    await bench.log.join(ORDERS, "0")
    assert texts(await bench.read(EVENTS, ORDERS)) == ["2", "3", "4"]
    with pytest.raises(StreamFault) as caught:
        await bench.log.join("stream:new", "yesterday")
    assert caught.value.stream == "stream:new"


async def test_the_stream_of_runs_is_none_of_events(bench: Any) -> None:
    with pytest.raises(StreamFault, match="has the scheduler's runs"):
        await bench.log.join(Keys().base, "$")


async def test_two_readers_get_different_entries(bench: Any) -> None:
    await bench.log.join(EVENTS, "$")
    await bench.add(EVENTS, "1", "2", "3")
    assert texts(await bench.read(consumer="a", count=2)) == ["1", "2"]
    assert texts(await bench.read(consumer="b", count=2)) == ["3"]


async def test_a_lost_group_is_said_and_what_was_added_since_is_read_after_joining_again(bench: Any) -> None:
    await bench.log.join(EVENTS, "$")
    await bench.log.join(ORDERS, "$")
    (last,) = await bench.add(EVENTS, "1")
    assert texts(await bench.read()) == ["1"]
    await bench.lose()
    await bench.log.join(ORDERS, "0")
    await bench.add(EVENTS, "2")
    for call in (
        bench.read(ORDERS, EVENTS),
        bench.log.pending(EVENTS, "a", 10),
        bench.log.reclaim(EVENTS, "a", IDLE, 10),
        bench.log.lag(EVENTS),
    ):
        with pytest.raises(GroupLost) as caught:
            await call
        assert caught.value.stream == EVENTS
    await bench.log.ack(EVENTS, [last])
    await bench.log.leave([EVENTS], "a")
    await bench.log.join(EVENTS, last)
    assert texts(await bench.read()) == ["2"]


async def test_a_stream_whose_ids_begin_anew_is_read_from_there(bench: Any) -> None:
    future = f"{now() + HOUR}-0"
    await bench.log.join(EVENTS, future)
    await bench.add(EVENTS, "1")
    await bench.add(ORDERS, "2")
    await bench.log.join(ORDERS, future)
    await bench.add(ORDERS, "3")
    assert texts(await bench.read(EVENTS, ORDERS)) == ["1", "3"]


async def test_a_key_that_is_no_stream_is_named_and_the_others_can_be_read(bench: Any) -> None:
    await bench.log.join(EVENTS, "$")
    await bench.add(EVENTS, "1")
    await bench.other("settings")
    for call in (
        bench.log.join("settings", "$"),
        bench.log.join("settings", "0"),
        bench.read(EVENTS, "settings"),
        bench.log.pending("settings", "a", 1),
        bench.log.reclaim("settings", "a", 1, 1),
        bench.log.lag("settings"),
        bench.log.backlog("settings"),
        bench.log.append("settings", ["WRONGTYPE", "NOGROUP no such key"]),
    ):
        with pytest.raises(StreamFault) as caught:
            await call
        assert caught.value.stream == "settings"
        assert not isinstance(caught.value, GroupLost)
        assert "settings" in str(caught.value)
    await bench.log.ack("settings", ["1-1"])
    await bench.log.leave(["settings"], "a")
    assert texts(await bench.read()) == ["1"]


async def test_a_stream_that_the_user_at_redis_may_not_read_is_named_and_the_others_can_be_read(
    redis_bench: RedisBench, redis_socket: Path
) -> None:
    """One handler that names such a stream must not hold up all others."""
    await redis_bench.redis.execute_command(
        "ACL", "SETUSER", "narrow", "reset", "on", "nopass", "+@all", f"~{EVENTS}"
    )  # fmt: skip
    redis = connect(f"unix://narrow:x@{redis_socket}")
    log = RedisEventLog(redis, Keys())
    await log.join(EVENTS, "$")
    for call in (
        log.join("secrets", "$"),
        log.join("secrets", "1-0"),
        log.lag("secrets"),
        log.pending("secrets", "a", 1),
    ):
        with pytest.raises(StreamFault, match="secrets is none that kronstream's user at Redis may read") as caught:
            await call
        assert caught.value.stream == "secrets"
    await log.leave(["secrets", EVENTS], "a")
    await redis_bench.add(EVENTS, "1")
    assert texts(await log.read([EVENTS], "a", 10, 0)) == ["1"]
    await redis.aclose()


async def test_a_reader_gets_what_it_did_not_acknowledge_again_after_a_restart(bench: Any) -> None:
    await bench.log.join(EVENTS, "$")
    first, second, third = await bench.add(EVENTS, "1", "2", "3")
    await bench.read(count=2)
    await bench.read(consumer="b")
    again = await bench.log.pending(EVENTS, "a", 10)
    assert [(entry.id, entry.deliveries) for entry in again] == [(first, 2), (second, 2)]
    assert texts(await bench.log.pending(EVENTS, "a", 1)) == ["1"]
    await bench.log.ack(EVENTS, [first])
    again = await bench.log.pending(EVENTS, "a", 10)
    assert [(entry.id, entry.deliveries) for entry in again] == [(second, 3)]
    await bench.log.ack(EVENTS, [first, second, third])
    assert await bench.log.pending(EVENTS, "a", 10) == []
    assert await bench.log.pending(EVENTS, "b", 10) == []


async def test_what_a_dead_reader_left_goes_to_another_with_its_deliveries_counted(bench: Any) -> None:
    await bench.log.join(EVENTS, "$")
    first, second = await bench.add(EVENTS, "1", "2")
    await bench.read(consumer="dead")
    await bench.read(consumer="b")
    assert await bench.log.reclaim(EVENTS, "b", IDLE, 10) == []
    await bench.advance(IDLE + 1)
    # one's own are pending, not left
    assert await bench.log.reclaim(EVENTS, "dead", IDLE, 10) == []
    (one,) = await bench.log.reclaim(EVENTS, "b", IDLE, 1)
    assert (one.id, one.deliveries, one.fields) == (first, 2, {"event": "1"})
    (two,) = await bench.log.reclaim(EVENTS, "b", IDLE, 10)
    assert (two.id, two.deliveries) == (second, 2)
    await bench.advance(IDLE + 1)
    assert [(entry.id, entry.deliveries) for entry in await bench.log.reclaim(EVENTS, "c", IDLE, 10)] == [
        (first, 3), (second, 3),
    ]  # fmt: skip
    await bench.log.ack(EVENTS, [first, second])
    await bench.advance(IDLE + 1)
    assert await bench.log.reclaim(EVENTS, "b", IDLE, 10) == []


async def test_what_is_worked_on_still_is_not_taken_over_and_counts_as_no_delivery(bench: Any) -> None:
    await bench.log.join(EVENTS, "0")
    kept, done = await bench.add(EVENTS, "1", "2")
    await bench.read()
    await bench.log.ack(EVENTS, [done])
    for _ in range(3):
        await bench.advance(IDLE - 500)
        await bench.log.hold(EVENTS, "a", [kept, done])
        assert await bench.log.reclaim(EVENTS, "b", IDLE, 10) == []
    await bench.log.hold(EVENTS, "a", [])
    await bench.advance(IDLE)
    (entry,) = await bench.log.reclaim(EVENTS, "b", IDLE, 10)
    assert (entry.id, entry.deliveries) == (kept, 2)
    assert (await bench.log.lag(EVENTS)).pending == 1


async def test_what_was_deleted_meanwhile_is_pending_no_more(bench: Any) -> None:
    await bench.log.join(EVENTS, "$")
    first, second = await bench.add(EVENTS, "1", "2")
    await bench.read()
    await bench.trim(EVENTS, first)
    assert [entry.id for entry in await bench.log.pending(EVENTS, "a", 10)] == [second]
    assert (await bench.log.lag(EVENTS)).pending == 1


async def test_an_acknowledged_entry_stays_for_others_and_an_outcome_is_deleted(bench: Any) -> None:
    for stream in (EVENTS, OWN):
        await bench.log.join(stream, "0")
        (entry,) = await bench.add(stream, "1")
        await bench.read(stream)
        await bench.log.ack(stream, [entry])
        assert await bench.log.pending(stream, "a", 10) == []
    assert len(await bench.entries(EVENTS)) == 1
    assert await bench.entries(OWN) == []


async def test_lag_tells_what_waits_and_since_when(bench: Any) -> None:
    await bench.log.join(EVENTS, "$")
    empty = await bench.log.lag(EVENTS)
    assert (empty.waiting, empty.oldest, empty.pending) == (0, None, 0)
    first, second, third = await bench.add(EVENTS, "1", "2", "3")
    await bench.read(count=1)
    assert await bench.log.lag(EVENTS) == Lag(2, int(second.partition("-")[0]), first, 1)
    assert await bench.log.backlog(EVENTS) == 3
    await bench.read()
    await bench.log.ack(EVENTS, [first, second])
    assert await bench.log.lag(EVENTS) == Lag(0, None, third, 1)
    assert await bench.log.backlog(EVENTS) == 1


async def test_the_backlog_of_a_stream_that_nobody_reads_is_all_of_it(bench: Any) -> None:
    assert await bench.log.backlog(EVENTS) == 0
    await bench.add(EVENTS, "1", "2")
    assert await bench.log.backlog(EVENTS) == 2


async def test_a_read_waits_for_the_first_entry(bench: Any) -> None:
    await bench.log.join(EVENTS, "$")
    await bench.log.join(ORDERS, "$")
    found: list[str] = []

    async def wait() -> None:
        found.extend(texts(await bench.read(EVENTS, ORDERS, block=20_000)))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await waiting(bench)
            await bench.add(ORDERS, "1")
    assert found == ["1"]
    with anyio.fail_after(10):
        assert await bench.read(block=1) == []
        assert await bench.read(block=0) == []
        assert await bench.log.read([], "a", 1, 60_000) == []


async def waiting(bench: Any) -> None:
    """Until the reader blocks."""
    if isinstance(bench, RedisBench):
        while not (await bench.redis.info("clients"))["blocked_clients"]:
            await anyio.sleep(0.01)
    else:
        await anyio.wait_all_tasks_blocked()


async def test_a_reader_is_removed_only_when_nothing_is_pending_for_it(bench: Any) -> None:
    await bench.log.join(EVENTS, "$")
    first, second = await bench.add(EVENTS, "1", "2")
    await bench.read(consumer="a", count=1)
    await bench.read(consumer="b")
    await bench.log.leave([EVENTS, "stream:none"], "a")
    assert await bench.consumers(EVENTS) == {"a", "b"}
    assert texts(await bench.log.pending(EVENTS, "a", 10)) == ["1"]
    await bench.log.ack(EVENTS, [first, second])
    await bench.log.leave([EVENTS], "a")
    assert await bench.consumers(EVENTS) == {"b"}


async def test_readers_that_crashed_are_removed_when_another_leaves_and_nothing_is_pending_for_them(
    bench: Any,
) -> None:
    await bench.log.join(EVENTS, "$")
    _, second, _ = await bench.add(EVENTS, "1", "2", "3")
    for consumer in ("busy", "idle", "c"):
        await bench.read(consumer=consumer, count=1)
    await bench.log.ack(EVENTS, [second])
    await bench.log.leave([EVENTS], "d")
    assert await bench.consumers(EVENTS) == {"busy", "idle", "c"}
    await bench.leave_after(0, "d")
    assert await bench.consumers(EVENTS) == {"busy", "c"}


async def test_entries_of_strangers_are_given_within_bounds(bench: Any) -> None:
    await bench.log.join(EVENTS, "$")
    await bench.foreign(EVENTS, {"event": "x" * 10_000_000})
    await bench.foreign(EVENTS, {"event": "ä" * 100_000, **{f"n{n}": "" for n in range(1_000)}})
    await bench.foreign(EVENTS, {"other": ""})
    await bench.add(EVENTS, "half \ud800 a pair")
    large, wide, other, half = await bench.read()
    assert len(large.fields["event"]) == 65_537
    assert wide.fields["event"] == "ä" * 65_537
    assert len(wide.fields) == 16
    assert other.fields == {"other": ""}
    assert half.fields == {"event": "half ? a pair"}


async def test_of_large_entries_few_are_read_at_a_time(redis_bench: RedisBench) -> None:
    await redis_bench.log.join(EVENTS, "0")

    async def read_on() -> list[int]:
        sizes = []
        while found := await redis_bench.read(count=200):
            sizes.append(len(found))
        return sizes

    for _ in range(600):
        await redis_bench.foreign(EVENTS, {"event": "small"})
    assert await read_on() == [16, 32, 64, 128, 200, 160]
    for _ in range(5):
        await redis_bench.foreign(EVENTS, {"event": "x" * 300_000})
    await redis_bench.add(EVENTS, "small")
    assert (await read_on())[0] == 6
    for _ in range(5):
        await redis_bench.foreign(EVENTS, {"event": "x" * 300_000})
    await redis_bench.add(EVENTS, *["small"] * 7)
    assert await read_on() == [2, 2, 2, 2, 4]


async def test_what_is_not_utf8_is_no_json_and_harms_no_other(redis_bench: RedisBench) -> None:
    bench = redis_bench
    await bench.foreign(EVENTS, {b"event": b'"\xff\xfe"', b"\xff": b"1"})
    await bench.log.join(EVENTS, f"{now() + HOUR}-0")
    await bench.redis.xgroup_setid(EVENTS, "kronstream-router", "0")
    await bench.add(EVENTS, "2")
    first, second = await bench.read()
    assert first.fields == {"event": '\ufffd"\ufffd\ufffd"', "\ufffd\ufffd": "1"}
    assert second.fields == {"event": "2"}
    assert [entry.fields for entry in await bench.log.pending(EVENTS, "a", 10)] == [first.fields, second.fields]
    assert (await bench.log.lag(EVENTS)).waiting == 0
    await bench.foreign(EVENTS, {b"event": b"\xff"})
    assert (await bench.log.lag(EVENTS)).oldest is not None


async def test_a_server_that_takes_nothing_is_away_and_says_nothing_of_the_event(bench: Any) -> None:
    await bench.full(True)
    with pytest.raises(LogAway) as caught:
        await bench.add(EVENTS, "secret WRONGTYPE NOGROUP", "2")
    assert "secret" not in str(caught.value)
    await bench.full(False)
    assert await bench.entries(EVENTS) == []


async def test_a_server_that_is_not_there_is_away(tmp_path: Path) -> None:
    redis = connect(f"unix://{tmp_path}/none.sock")
    log = RedisEventLog(redis, Keys())
    for call in (log.append(EVENTS, ["1"]), log.backlog(EVENTS)):
        with pytest.raises(LogAway):
            await call
    await redis.aclose()


async def test_many_that_are_left_are_taken_over_in_order(bench: Any) -> None:
    await bench.log.join(EVENTS, "$")
    ids = await bench.add(EVENTS, *[str(n) for n in range(100)])
    while await bench.read(consumer="dead", count=100):
        pass
    await bench.advance(IDLE + 1)
    left = await bench.log.reclaim(EVENTS, "a", IDLE, 50) + await bench.log.reclaim(EVENTS, "a", IDLE, 60)
    assert [entry.id for entry in left] == ids
    assert [entry.id for entry in await bench.log.pending(EVENTS, "a", 1_000)] == ids


async def test_a_reader_that_waits_is_told_that_the_stream_was_lost(bench: Any) -> None:
    await bench.log.join(EVENTS, "$")
    told: list[str] = []

    async def wait() -> None:
        with pytest.raises(GroupLost) as caught:
            await bench.read(block=20_000)
        told.append(caught.value.stream)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await waiting(bench)
            await bench.lose()
    assert told == [EVENTS]


async def test_how_many_wait_is_not_guessed_where_entries_were_deleted(redis_bench: RedisBench) -> None:
    bench = redis_bench
    await bench.log.join(EVENTS, "$")
    first, second, _ = await bench.add(EVENTS, "1", "2", "3")
    await bench.trim(EVENTS, second)
    assert await bench.log.lag(EVENTS) == Lag(None, int(first.partition("-")[0]), "0-0", 0)
    assert await bench.log.backlog(EVENTS) == 2
    assert texts(await bench.read()) == ["1", "3"]
    assert (await bench.log.lag(EVENTS)).waiting == 0


async def test_nothing_is_appended_where_nothing_is_given(bench: Any) -> None:
    assert await bench.add(EVENTS) == []
    assert await bench.entries(EVENTS) == []
