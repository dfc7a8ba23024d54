"""What the store as a whole holds and has counted, for metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Counts:
    """Of all jobs together, since the store was opened.

    ``ended`` are the runs that are over, by state and reason ('' where there is none), ``skipped`` the due instants
    that made no run, by reason; each was counted by the very step that did it, once, whoever asked for it.
    ``unfinished`` are the runs that are not over, ``untold`` the jobs and handlers whose status is out of date,
    ``dead`` and ``dead_events`` the dead letters of runs and of events.
    """

    ended: Mapping[tuple[str, str], int]
    skipped: Mapping[str, int]
    unfinished: int
    untold: int
    dead: int
    dead_events: int


class Counting(Protocol):
    """The store's side of metrics."""

    async def counts(self) -> Counts:
        """What there is now."""
        ...
