"""The entries that a router has in hand: read, and not yet acknowledged."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Iterable

from kronstream.ports import Entry

Place = tuple[str, str]


def place(entry: Entry) -> Place:
    """Where an entry stands: stream and id."""
    return entry.stream, entry.id


class Hand:
    """At most ``most`` entries, or what one more read brings; who reads waits for room, who works for an entry."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[Place, float] = {}  # since when
        self._waiting: deque[Entry] = deque()
        self._room = asyncio.Event()
        self._room.set()
        self._work = asyncio.Event()

    def __len__(self) -> int:
        return len(self._held)

    @property
    def room(self) -> int:
        """How many more may be read."""
        return max(self._most - len(self._held), 0)

    def holds(self, stream: str) -> bool:
        """Whether any entry of the stream is in hand."""
        return any(name == stream for name, _ in self._held)

    def put(self, entries: Iterable[Entry]) -> None:
        """Take entries in; one that is in hand already is not worked on twice."""
        for entry in entries:
            if place(entry) not in self._held:
                self._held[place(entry)] = time.monotonic()
                self._waiting.append(entry)
        if self._waiting:
            self._work.set()
        if not self.room:
            self._room.clear()

    def held(self, seconds: float) -> dict[str, list[str]]:
        """What is in hand for so long already: ids by stream."""
        since = time.monotonic() - seconds
        found: dict[str, list[str]] = defaultdict(list)
        for (stream, entry), at in self._held.items():
            if at <= since:
                found[stream].append(entry)
        return found

    def put_back(self, entries: Iterable[Entry]) -> None:
        """Entries that were taken and not done: behind the others, once more."""
        self._waiting.extend(entries)
        if self._waiting:
            self._work.set()

    async def wait_for_room(self) -> None:
        """Until entries may be read."""
        await self._room.wait()

    async def take(self, limit: int) -> list[Entry]:
        """The next entries to work on, at least one; they stay in hand until they are dropped."""
        while not self._waiting:
            self._work.clear()
            await self._work.wait()
        return [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]

    def drop(self, entries: Iterable[Entry]) -> None:
        """These were worked on."""
        for entry in entries:
            self._held.pop(place(entry), None)
        if self.room:
            self._room.set()
