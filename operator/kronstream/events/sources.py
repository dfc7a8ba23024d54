"""The streams that a router reads, and what is known of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kronstream.ports import Lag


@dataclass(slots=True)
class Source:
    """One stream. ``fault`` says why it cannot be read; ``joined`` that the group of readers is there.

    ``again`` tells that entries which this router was given may be lost to it: they are asked for once more.
    ``settled`` is an id up to which everything was handled, a little behind what was delivered.
    """

    stream: str
    joined: bool = False
    again: bool = True
    fault: str = ""
    lag: Lag | None = None
    settled: str = ""

    def see(self, lag: Lag) -> None:
        """The group was looked at; what had been delivered at the look before is handled by now."""
        if self.lag is not None and not lag.pending:
            self.settled = lag.last
        elif self.lag is not None:
            self.settled = max(self.settled, self.lag.last, key=order)
        self.lag = lag


class Sources:
    """The streams by name."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}

    def __iter__(self) -> Iterator[Source]:
        return iter(list(self._sources.values()))

    def get(self, stream: str) -> Source | None:
        """A stream that is read, or is to be."""
        return self._sources.get(stream)

    def want(self, streams: Iterable[str]) -> list[str]:
        """These are to be read, and no others; the ones that are left."""
        wanted = dict.fromkeys(streams)
        left = [stream for stream in self._sources if stream not in wanted]
        for stream in left:
            del self._sources[stream]
        for stream in wanted:
            if stream not in self._sources:
                self._sources[stream] = Source(stream)
        return left

    @property
    def readable(self) -> list[str]:
        """Those that can be read now."""
        return [source.stream for source in self._sources.values() if source.joined]


def order(entry: str) -> tuple[int, int]:
    """The id of an entry as something that can be compared; what is none comes first."""
    ms, _, number = entry.partition("-")
    return (int(ms), int(number or 0)) if ms.isdecimal() and (number or "0").isdecimal() else (-1, 0)
