"""Streams of events on Redis: plain commands, a stream at a time, for they may lie in other slots than our keys."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,  # noqa: A004 - redis-py's own
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,  # noqa: A004 - redis-py's own
)

from kronstream.ports import Entry, GroupLost, Lag, LogAway, StreamFault
from kronstream.ports.eventlog import FIELD, LONGEST, MOST_FIELDS
from kronstream.streams.keys import Keys
from kronstream.streams.runqueue import clean

DEFAULT_GROUP = "kronstream-router"
SLICE = 16  # entries of strangers, of any size, that are taken over in one answer
# Entries of strangers may have megabytes each: how many are read at a time begins with few, doubles while they are
# small, and is two after one that is large.
FIRST, MOST, AFTER_LARGE, LARGE = 16, 1_000, 2, 262_144
HELD = 1_000  # entries of which one command says that they are worked on
CRASHED = 3_600_000  # milliseconds without a sign after which a consumer is taken for one that crashed

# Removes consumers for which nothing is pending: the named one, and others that gave no sign for a while. A script of
# the stream alone: what is delivered between a look and the removal would be lost.
LEAVE = """
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
for _, row in ipairs(consumers.err and {} or consumers) do
  local c = {}
  for i = 1, #row, 2 do c[row[i]] = row[i + 1] end
  if c.pending == 0 and (c.name == ARGV[2] or c.idle >= tonumber(ARGV[3])) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], c.name)
  end
end
return 0
"""

_AWAY = (BusyLoadingError, ConnectionError, OutOfMemoryError, ReadOnlyError, TimeoutError, OSError)


class RedisEventLog:
    """An EventLog on one Redis; ``blocking`` is a client of its own for reads, with a timeout longer than a block."""

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        group: str = DEFAULT_GROUP,
        *,
        blocking: Redis | None = None,
        crashed: int = CRASHED,
    ) -> None:
        self._redis = redis
        self._blocking = blocking or redis
        self._own = keys.outcomes
        self._runs = keys.base
        self._group = group
        self._crashed = crashed
        self._at_once = FIRST

    async def append(self, stream: str, texts: Sequence[str]) -> list[str]:
        """See EventLog."""
        if not texts:
            return []
        pipe = self._redis.pipeline(transaction=True)
        for text in texts:
            pipe.xadd(stream, {FIELD: clean(text)})
        try:
            return [str(entry) for entry in await pipe.execute()]
        except _AWAY as error:
            raise _away(error) from None
        except ResponseError as error:
            # the text of the error has that of the event in it
            if await self._redis.type(stream) in ("stream", "none"):
                raise _away(error) from None
            raise _no_stream(stream) from None

    async def join(self, stream: str, start: str) -> None:
        """See EventLog."""
        if stream == self._runs:
            raise StreamFault(stream, f"{stream} has the scheduler's runs and no events; name another stream")
        try:
            if start != "$":
                start = min(start, await self._last(stream), key=_order)
            await self._redis.xgroup_create(stream, self._group, id=start, mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise _refused(stream, error) from error

    async def _last(self, stream: str) -> str:
        """The id that was given last in a stream; 0-0 where there is none."""
        if not await self._redis.exists(stream):
            return "0-0"
        about: Any = await _raw(self._redis, "XINFO STREAM", stream)
        return _text(about["last-generated-id"])

    async def read(self, streams: Sequence[str], consumer: str, count: int, block_ms: int) -> list[Entry]:
        """See EventLog."""
        if not streams:
            return []
        block = ["BLOCK", block_ms] if block_ms > 0 else []
        words = [
            "GROUP",
            self._group,
            consumer,
            "COUNT",
            min(count, self._at_once),
            *block,
            "STREAMS",
            *streams,
            *[">"] * len(streams),
        ]
        try:
            # what is not UTF-8 must not make a whole batch unreadable
            answer: Any = await _raw(self._blocking, "XREADGROUP", *words)
        except ResponseError as error:
            await self._look(streams, error)
            return []
        rows = answer.items() if isinstance(answer, dict) else answer or []
        self._judge([raw for _, found in rows for _, raw in found])
        return [Entry(_text(stream), _text(entry), _fields(raw)) for stream, found in rows for entry, raw in found]

    def _judge(self, entries: Sequence[Mapping[bytes, bytes] | None]) -> None:
        """How many are read at a time from now on, by what was read last."""
        if any(sum(map(len, (raw or {}).values())) > LARGE for raw in entries):
            self._at_once = AFTER_LARGE
        elif len(entries) >= self._at_once:
            self._at_once = min(2 * self._at_once, MOST)

    async def _look(self, streams: Sequence[str], error: ResponseError) -> None:
        """Find the stream that is at fault, and raise; nothing where it is well again."""
        for stream in streams:
            await self._verify(stream)
        if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
            raise error

    async def _verify(self, stream: str) -> None:
        try:
            groups = await self._redis.xinfo_groups(stream)
        except ResponseError as error:
            raise _refused(stream, error) from error
        if not any(group["name"] == self._group for group in groups):
            raise _lost(stream)

    async def pending(self, stream: str, consumer: str, count: int) -> list[Entry]:
        """See EventLog."""
        return await self._claim(stream, consumer, consumer, 0, count)

    async def reclaim(self, stream: str, consumer: str, idle_ms: int, count: int) -> list[Entry]:
        """See EventLog."""
        try:
            consumers = await self._redis.xinfo_consumers(stream, self._group)
        except ResponseError as error:
            raise _refused(stream, error) from error
        found: list[Entry] = []
        for other in consumers:
            if len(found) < count and other["pending"] and other["name"] != consumer:
                found += await self._claim(stream, str(other["name"]), consumer, idle_ms, count - len(found))
        return found

    async def _claim(self, stream: str, holder: str, consumer: str, idle_ms: int, count: int) -> list[Entry]:
        """Entries of a holder become this consumer's; what was deleted meanwhile is pending no more."""
        try:
            rows = await self._redis.xpending_range(
                stream, self._group, "-", "+", count, consumername=holder, idle=idle_ms or None
            )
            if not rows:
                return []
            before = {str(row["message_id"]): int(row["times_delivered"]) for row in rows}
            ids, found = list(before), []
            # in slices: what ended a reader by its sheer size comes back here
            for begin in range(0, len(ids), SLICE):
                some = ids[begin : begin + SLICE]
                answer: Any = await _raw(self._redis, "XCLAIM", stream, self._group, consumer, idle_ms, *some)
                claimed = ((_text(entry), _fields(raw)) for entry, raw in answer)
                found += [Entry(stream, entry, fields, before[entry] + 1) for entry, fields in claimed]
        except ResponseError as error:
            raise _refused(stream, error) from error
        return found

    async def hold(self, stream: str, consumer: str, ids: Sequence[str]) -> None:
        """See EventLog."""
        try:
            for begin in range(0, len(ids), HELD):
                some = ids[begin : begin + HELD]
                await self._redis.xclaim(stream, self._group, consumer, 0, list(some), justid=True)
        except ResponseError as error:
            raise _refused(stream, error) from error

    async def ack(self, stream: str, ids: Sequence[str]) -> None:
        """See EventLog."""
        if not ids:
            return
        pipe = self._redis.pipeline(transaction=True)
        pipe.xack(stream, self._group, *ids)
        if stream == self._own:
            pipe.xdel(stream, *ids)
        try:
            await pipe.execute()
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise

    async def lag(self, stream: str) -> Lag:
        """See EventLog."""
        found = await self._state(stream)
        if found is None:
            raise _lost(stream)
        last = str(found["last-delivered-id"])
        rows: Any = await _raw(self._redis, "XRANGE", stream, f"({last}", "+", "COUNT", 1)
        oldest = int(_text(rows[0][0]).partition("-")[0]) if rows else None
        waiting = 0 if oldest is None else None if found["lag"] is None else int(found["lag"])
        return Lag(waiting, oldest, last, int(found["pending"]))

    async def backlog(self, stream: str) -> int:
        """See EventLog."""
        try:
            found = await self._state(stream)
            if found is not None and found["lag"] is not None:
                return int(found["lag"]) + int(found["pending"])
            return int(await self._redis.xlen(stream))
        except GroupLost:
            return 0
        except _AWAY as error:
            raise _away(error) from None
        except ResponseError as error:
            raise _refused(stream, error) from error

    async def _state(self, stream: str) -> Mapping[str, Any] | None:
        try:
            groups = await self._redis.xinfo_groups(stream)
        except ResponseError as error:
            raise _refused(stream, error) from error
        return next((group for group in groups if group["name"] == self._group), None)

    async def leave(self, streams: Sequence[str], consumer: str) -> None:
        """See EventLog."""
        for stream in streams:
            with suppress(NoPermissionError):  # then nobody came
                await self._redis.eval(LEAVE, 1, stream, self._group, consumer, self._crashed)


async def _raw(redis: Redis, *words: Any) -> Any:
    """The answer to a command with its texts as bytes."""
    command: Any = redis.execute_command
    return await command(*words, NEVER_DECODE=True)


def _refused(stream: str, error: ResponseError) -> Exception:
    """What an answer of the server says about a stream; the error itself where it says nothing about it."""
    text = str(error)
    if isinstance(error, NoPermissionError):
        # not an error of Redis: one stream that somebody names must not hold up all others
        may = "may read; name another stream, or have an administrator add it to the user's rights"
        return StreamFault(stream, f"{stream} is none that kronstream's user at Redis {may}")
    if "WRONGTYPE" in text:
        return _no_stream(stream)
    if "NOGROUP" in text or "no such key" in text:
        return _lost(stream)
    if "Invalid stream ID" in text:
        return StreamFault(stream, f"{stream} cannot be read from there: {text}")
    return error


def _away(error: Exception) -> LogAway:
    return LogAway(f"Redis takes no events now ({type(error).__name__})")


def _no_stream(stream: str) -> StreamFault:
    return StreamFault(stream, f"{stream} is no stream in Redis but a key of another type; name another stream")


def _lost(stream: str) -> GroupLost:
    return GroupLost(stream, f"{stream} is not there, or nobody reads it as a group any more")


def _order(entry: str) -> tuple[int, int]:
    """Where an id stands among the others; ``0`` is short for ``0-0``. What is none comes before all, to be refused."""
    ms, _, number = entry.partition("-")
    return (int(ms), int(number or 0)) if ms.isdecimal() and (number or "0").isdecimal() else (-1, 0)


def _fields(raw: Mapping[bytes, bytes] | None) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in list((raw or {}).items())[:MOST_FIELDS]}


def _text(raw: bytes) -> str:
    """At most LONGEST characters; what is not UTF-8 begins with the sign for what cannot be shown."""
    if raw.isascii():
        return raw[:LONGEST].decode()
    try:
        return raw.decode()[:LONGEST]
    except UnicodeDecodeError:
        return f"\ufffd{raw[:LONGEST].decode(errors='replace')}"
