"""An EventLog in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from kronstream.ports import Entry, GroupLost, Lag, LogAway, StreamFault
from kronstream.ports.eventlog import FIELD, LONGEST, MOST_FIELDS
from kronstream.settings import DEFAULT_STREAM
from kronstream.testing.clock import Clock
from kronstream.testing.texts import storable

OUTCOMES = f"{{{DEFAULT_STREAM}}}:outcomes"
CRASHED = 3_600_000

Id = tuple[int, int]


@dataclass(slots=True)
class _Delivery:
    consumer: str
    at: int
    times: int = 1


@dataclass(slots=True)
class _Group:
    last: Id
    pending: dict[Id, _Delivery] = field(default_factory=dict)
    consumers: dict[str, int] = field(default_factory=dict)  # when each gave its last sign


@dataclass(slots=True)
class _Stream:
    entries: dict[Id, dict[str, str]] = field(default_factory=dict)
    last: Id = (0, 0)
    group: _Group | None = None


class MemoryEventLog:
    """Streams by their names, and one group of readers.

    ``others`` are keys that are no streams. While ``away`` is set nothing is taken. ``wipe`` loses everything.
    """

    def __init__(self, clock: Clock, outcomes: str = OUTCOMES) -> None:
        self._clock = clock
        self._own = outcomes
        self._streams: dict[str, _Stream] = {}
        self._some = asyncio.Event()
        self.others: set[str] = set()
        self.away = False

    def wipe(self) -> None:
        """Lose all streams."""
        self._streams.clear()
        self._some.set()

    def add(self, stream: str, fields: dict[str, str]) -> str:
        """Append an entry as any producer would; its id."""
        found = self._stream(stream)
        now = max(self._clock(), found.last[0])
        found.last = (now, found.last[1] + 1 if now == found.last[0] else 0)
        kept = list(fields.items())[:MOST_FIELDS]
        found.entries[found.last] = {storable(name): storable(text)[:LONGEST] for name, text in kept}
        self._some.set()
        return _name(found.last)

    def entries(self, stream: str) -> list[str]:
        """The ids of a stream, delivered or not."""
        return [_name(entry) for entry in self._streams.get(stream, _Stream()).entries]

    def delete(self, stream: str, entry: str) -> None:
        """Delete an entry as its owner may; whoever has it keeps it pending."""
        self._streams[stream].entries.pop(_read(entry), None)

    def consumers(self, stream: str) -> set[str]:
        """The names of the group's consumers."""
        return set(self._group(stream).consumers)

    def _stream(self, stream: str) -> _Stream:
        if stream in self.others:
            raise StreamFault(stream, f"{stream} is no stream")
        return self._streams.setdefault(stream, _Stream())

    def _group(self, stream: str) -> _Group:
        if stream in self.others:
            raise StreamFault(stream, f"{stream} is no stream")
        found = self._streams.get(stream)
        if found is None or found.group is None:
            raise GroupLost(stream, f"{stream} has no group")
        return found.group

    async def append(self, stream: str, texts: Sequence[str]) -> list[str]:
        """See EventLog."""
        if self.away:
            raise LogAway("it was told to be away")
        return [self.add(stream, {FIELD: text}) for text in texts]

    async def join(self, stream: str, start: str) -> None:
        """See EventLog."""
        if stream == DEFAULT_STREAM:
            raise StreamFault(stream, f"{stream} has the scheduler's runs and no events")
        found = self._stream(stream)
        if found.group is None:
            try:
                wanted = found.last if start == "$" else _read(start)
            except ValueError:
                raise StreamFault(stream, f"{stream} cannot be read from {start!r}") from None
            found.group = _Group(min(wanted, found.last))

    async def read(self, streams: Sequence[str], consumer: str, count: int, block_ms: int) -> list[Entry]:
        """See EventLog; the block is real time."""
        found = self._fresh(streams, consumer, count)
        if not found and block_ms > 0 and streams:
            deadline = asyncio.get_running_loop().time() + block_ms / 1_000
            while not found and (left := deadline - asyncio.get_running_loop().time()) > 0:
                self._some.clear()
                try:
                    await asyncio.wait_for(self._some.wait(), left)
                except TimeoutError:
                    break
                found = self._fresh(streams, consumer, count)
        return found

    def _fresh(self, streams: Sequence[str], consumer: str, count: int) -> list[Entry]:
        groups = [(name, self._group(name)) for name in streams]
        found = []
        for name, group in groups:
            group.consumers[consumer] = self._clock()
            entries = self._streams[name].entries
            for entry in [known for known in entries if known > group.last][:count]:
                group.last = entry
                group.pending[entry] = _Delivery(consumer, self._clock())
                found.append(Entry(name, _name(entry), entries[entry]))
        return found

    async def pending(self, stream: str, consumer: str, count: int) -> list[Entry]:
        """See EventLog."""
        group = self._group(stream)
        own = sorted(entry for entry, delivery in group.pending.items() if delivery.consumer == consumer)
        return self._claim(stream, own[:count], consumer)

    async def reclaim(self, stream: str, consumer: str, idle_ms: int, count: int) -> list[Entry]:
        """See EventLog."""
        group = self._group(stream)
        now = self._clock()
        left = [
            entry
            for entry, delivery in sorted(group.pending.items(), key=lambda item: (item[1].consumer, item[0]))
            if delivery.consumer != consumer and now - delivery.at >= idle_ms
        ]
        return self._claim(stream, left[:count], consumer)

    def _claim(self, stream: str, entries: Sequence[Id], consumer: str) -> list[Entry]:
        group, known = self._group(stream), self._streams[stream].entries
        found = []
        for entry in entries:
            delivery = group.pending[entry]
            if entry not in known:
                del group.pending[entry]
                continue
            group.pending[entry] = _Delivery(consumer, self._clock(), delivery.times + 1)
            group.consumers[consumer] = self._clock()
            found.append(Entry(stream, _name(entry), known[entry], delivery.times + 1))
        return found

    async def hold(self, stream: str, consumer: str, ids: Sequence[str]) -> None:
        """See EventLog."""
        pending = self._group(stream).pending
        for entry in map(_read, ids):
            if entry in pending:
                pending[entry] = _Delivery(consumer, self._clock(), pending[entry].times)

    async def ack(self, stream: str, ids: Sequence[str]) -> None:
        """See EventLog."""
        found = self._streams.get(stream)
        if found is None or found.group is None:
            return
        for entry in map(_read, ids):
            found.group.pending.pop(entry, None)
            if stream == self._own:
                found.entries.pop(entry, None)

    async def lag(self, stream: str) -> Lag:
        """See EventLog."""
        group = self._group(stream)
        fresh = [entry for entry in self._streams[stream].entries if entry > group.last]
        return Lag(len(fresh), fresh[0][0] if fresh else None, _name(group.last), len(group.pending))

    async def backlog(self, stream: str) -> int:
        """See EventLog."""
        if self.away:
            raise LogAway("it was told to be away")
        try:
            found = await self.lag(stream)
        except GroupLost:
            return len(self.entries(stream))
        return (found.waiting or 0) + found.pending

    async def leave(self, streams: Sequence[str], consumer: str) -> None:
        """See EventLog."""
        for stream in streams:
            found = self._streams.get(stream)
            if found is None or found.group is None:
                continue
            group = found.group
            busy = {delivery.consumer for delivery in group.pending.values()}
            for name, seen in list(group.consumers.items()):
                if name not in busy and (name == consumer or self._clock() - seen >= CRASHED):
                    del group.consumers[name]


def _name(entry: Id) -> str:
    return f"{entry[0]}-{entry[1]}"


def _read(text: str) -> Id:
    ms, _, number = text.partition("-")
    return int(ms), int(number or 0)
