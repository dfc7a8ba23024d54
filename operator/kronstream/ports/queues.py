"""Queues as people see and hold them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kronstream.domain.run import Lane


@dataclass(frozen=True, slots=True)
class QueuePause:
    """A queue whose runs are not begun: since when (milliseconds), by whom and why."""

    since: int
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in a lane: how many entries, how many of them a worker has taken, and the age of the oldest that none
    has, in milliseconds (None: there is none)."""

    queue: str
    lane: Lane
    entries: int
    taken: int
    oldest: int | None


class Queues(Protocol):
    """The store's side of queues."""

    async def pause(self, queue: str, by: str, reason: str) -> bool:
        """Begin no runs of a queue from now on; those that execute go on. False when it was paused already."""
        ...

    async def resume(self, queue: str) -> bool:
        """Go on; False when it was not paused."""
        ...

    async def paused(self) -> Mapping[str, QueuePause]:
        """Paused queues."""
        ...

    async def backlogs(self, queues: Sequence[str]) -> list[Backlog]:
        """What waits in the lanes of these queues; lanes that never had an entry are left out."""
        ...
