"""How many attempts ended, how, and how long they took: counted in the loop process, told by its supervisor.

A tally travels as JSON and tells everything since its loop process began; what an earlier one counted is added to it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kronstream.domain.trace import trace_id
from kronstream.ports import Claim, Outcome

DELAYS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0)
DURATIONS = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
NONE = "none"

Key = tuple[str, ...]


@dataclass(slots=True)
class Spread:
    """Values by buckets, the last one without a bound; ``examples`` are the newest trace of a bucket and its value."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0
    examples: dict[int, tuple[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def observe(self, value: float, trace: str | None = None) -> None:
        """One more value (seconds)."""
        bucket = bisect_left(self.bounds, value)
        self.counts[bucket] += 1
        self.total += value
        if trace:
            self.examples[bucket] = (trace, value)

    def add(self, other: Spread) -> None:
        """The values of another one, too; its examples are newer."""
        self.counts = [one + more for one, more in zip(self.counts, other.counts, strict=True)]
        self.total += other.total
        self.examples |= other.examples

    def cumulated(self) -> Iterator[tuple[str, float, tuple[str, float] | None]]:
        """Upper bound, how many values are not above it, and an example of the bucket."""
        sum_ = 0
        for number, bound in enumerate((*map(str, self.bounds), "+Inf")):
            sum_ += self.counts[number]
            yield bound, sum_, self.examples.get(number)


class Tally:
    """``ends`` by queue, outcome and reason; ``durations`` by queue and outcome; ``delays`` by queue."""

    def __init__(self, queues: Mapping[str, int] | None = None, *, traced: bool = False) -> None:
        """Lines of these queues are there from the start; ``traced``: spans are told, so that examples name traces."""
        self._traced = traced
        self.changed = False
        self.ends: dict[Key, int] = {}
        self.durations: dict[Key, Spread] = {}
        self.delays: dict[Key, Spread] = {}
        for queue in queues or ():
            self.delays[queue,] = Spread(DELAYS)
            for outcome in ("success", "failed"):
                self.durations[queue, outcome] = Spread(DURATIONS)
            self.ends[queue, "success", NONE] = 0

    def began(self, queue: str, claim: Claim) -> None:
        """An attempt begins."""
        if claim.waited is not None:
            self.changed = True
            _spread(self.delays, (queue,), DELAYS).observe(claim.waited / 1000, self._trace(claim))

    def ended(self, queue: str, claim: Claim, outcome: Outcome) -> None:
        """An attempt ended."""
        self.changed = True
        state = outcome.state.value
        key = (queue, state, outcome.reason.value if outcome.reason else NONE)
        self.ends[key] = self.ends.get(key, 0) + 1
        _spread(self.durations, (queue, state), DURATIONS).observe(outcome.duration / 1000, self._trace(claim))

    def _trace(self, claim: Claim) -> str | None:
        return trace_id(claim.run, claim.trace) if self._traced else None

    def add(self, other: Tally) -> None:
        """What another one counted, too."""
        for key, number in other.ends.items():
            self.ends[key] = self.ends.get(key, 0) + number
        for key, spread in other.durations.items():
            _spread(self.durations, key, DURATIONS).add(spread)
        for key, spread in other.delays.items():
            _spread(self.delays, key, DELAYS).add(spread)

    def dump(self) -> list[Any]:
        """As JSON has it."""
        self.changed = False
        spreads = [
            [[list(key), one.counts, one.total, [[n, *example] for n, example in one.examples.items()]]
             for key, one in kind.items()]
            for kind in (self.durations, self.delays)
        ]  # fmt: skip
        return [[[list(key), number] for key, number in self.ends.items()], *spreads]

    @classmethod
    def load(cls, dumped: list[Any]) -> Tally:
        """From ``dump``."""
        tally, (ends, durations, delays) = cls(), dumped
        tally.ends = {tuple(key): number for key, number in ends}
        tally.durations = dict(_loaded(durations, DURATIONS))
        tally.delays = dict(_loaded(delays, DELAYS))
        return tally


def _spread(kind: dict[Key, Spread], key: Key, bounds: tuple[float, ...]) -> Spread:
    found = kind.get(key)
    if found is None:
        found = kind[key] = Spread(bounds)
    return found


def _loaded(dumped: list[Any], bounds: tuple[float, ...]) -> Iterator[tuple[Key, Spread]]:
    for key, counts, total, examples in dumped:
        yield tuple(key), Spread(bounds, list(counts), total, {n: (trace, value) for n, trace, value in examples})
