"""The harness round a store: its ports, and what a test must see or break from outside."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from kronstream.ports import (
    Counting,
    Effects,
    EventLetters,
    Externals,
    Ledger,
    Letters,
    Listing,
    Queues,
    Requests,
    RunQueue,
    RunRecords,
    Wires,
)

GROUP = "scheduler-workers"
LEASE = 10_000
EPOCH = "epoch-1"


class Store(ABC):
    """One store behind its ports, open under the epoch EPOCH."""

    queue: RunQueue
    ledger: Ledger
    records: RunRecords
    listing: Listing
    requests: Requests
    externals: Externals
    queues: Queues
    counting: Counting
    wires: Wires
    letters: Letters
    effects: Effects
    event_letters: EventLetters

    @abstractmethod
    def now(self) -> int:
        """The store's clock, in milliseconds."""

    @abstractmethod
    async def advance(self, ms: int) -> None:
        """Let time pass: leases end, retries and timers come due, times to live run out."""

    @abstractmethod
    async def jump(self, ms: int) -> None:
        """Set the clock forward, or back (negative), while nobody looks."""

    @abstractmethod
    async def wipe(self) -> None:
        """Lose everything, the epoch too."""

    @abstractmethod
    async def reopen(self) -> None:
        """Open what was lost under the same epoch again."""

    @abstractmethod
    async def snapshot(self) -> Any:
        """A copy of everything."""

    @abstractmethod
    async def restore(self, copied: Any) -> None:
        """Go back to a copy."""

    @abstractmethod
    async def inject(self, fields: Mapping[str, str], queue: str = "default", lane: str = "medium") -> None:
        """Append an entry as another producer would."""

    @abstractmethod
    async def entries(self, queue: str = "default", lane: str = "medium") -> list[Mapping[str, str]]:
        """Every entry of a lane, delivered or not."""

    @abstractmethod
    async def pending(self, queue: str = "default", lane: str = "medium") -> list[tuple[str, str]]:
        """(run id, consumer) of every entry delivered and not acknowledged; the id is '' where the entry is gone."""

    @abstractmethod
    async def consumers(self, queue: str = "default", lane: str = "medium") -> set[str]:
        """Names of the lane's consumers."""

    @abstractmethod
    async def lose_entries(self, queue: str = "default", lane: str = "medium") -> None:
        """Lose every entry of a lane, and nothing else."""

    @abstractmethod
    async def dead_letters(self) -> list[Mapping[str, str]]:
        """What was set aside."""

    @abstractmethod
    async def burden(self, effects: int, size: int) -> None:
        """As if so many more effects of events waited, with so many bytes."""

    @abstractmethod
    async def outcomes(self) -> list[Mapping[str, str]]:
        """What was told of runs."""

    @abstractmethod
    async def census(self) -> dict[str, tuple[str, int, str | None]]:
        """State, attempt and reason of every run on record."""

    @abstractmethod
    async def lines(self) -> dict[str, list[str]]:
        """Runs in ``waiting:<uid>`` and ``gwait:<group>``, in order, and in ``group:<group>``, sorted; none empty."""

    @abstractmethod
    async def works(self, uid: str) -> set[int]:
        """Generations of a job whose work is stored."""

    @abstractmethod
    async def undying(self, uid: str) -> set[str]:
        """Names of what mentions a job and has no end."""
