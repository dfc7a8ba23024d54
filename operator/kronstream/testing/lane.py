"""One lane: a stream of entries with its one consumer group."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

Fields = Mapping[str, str]


@dataclass(slots=True)
class Delivery:
    """Who has an entry, since when."""

    consumer: str
    since: int


@dataclass(slots=True)
class LaneStream:
    """Entries by number; an entry is pending from its delivery until it is removed."""

    entries: dict[int, Fields] = field(default_factory=dict)
    pending: dict[int, Delivery] = field(default_factory=dict)
    consumers: set[str] = field(default_factory=set)
    asked: dict[str, int] = field(default_factory=dict)
    added: dict[int, int] = field(default_factory=dict)
    _last: int = 0
    _new: deque[int] = field(default_factory=deque)

    @property
    def used(self) -> bool:
        """Whether it ever had an entry or a reader."""
        return self._last > 0 or bool(self.consumers)

    def add(self, fields: Fields, now: int) -> int:
        """Append an entry; its number."""
        self._last += 1
        self.entries[self._last] = fields
        self.added[self._last] = now
        self._new.append(self._last)
        return self._last

    def read(self, consumer: str, count: int, now: int) -> list[tuple[int, Fields]]:
        """Deliver up to ``count`` entries that nobody has seen."""
        self.consumers.add(consumer)
        self.asked[consumer] = now
        read: list[tuple[int, Fields]] = []
        while self._new and len(read) < count:
            number = self._new.popleft()
            if number in self.entries:
                self.pending[number] = Delivery(consumer, now)
                read.append((number, self.entries[number]))
        return read

    def pending_of(self, consumer: str, now: int) -> list[tuple[int, Fields | None]]:
        """What is pending for a consumer who asks for it; None where the entry is gone."""
        self.consumers.add(consumer)
        self.asked[consumer] = now
        numbers = sorted(number for number, delivery in self.pending.items() if delivery.consumer == consumer)
        return [(number, self.entries.get(number)) for number in numbers]

    def remove(self, number: int) -> None:
        """Acknowledge and delete an entry."""
        self.pending.pop(number, None)
        self.entries.pop(number, None)
        self.added.pop(number, None)

    def leave(self, consumer: str) -> None:
        """Forget a consumer for whom nothing is pending."""
        if not any(delivery.consumer == consumer for delivery in self.pending.values()):
            self.consumers.discard(consumer)
