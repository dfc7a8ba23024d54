"""What a soak leaves to be judged. All instants are milliseconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from integration.chaos.witness import Call
from kronstream.domain.run import State
from kronstream.streams.runqueue import LEASE
from soak.kinds import Kind

BEAT = 1_500  # the last renewal before a freeze is no older
TAIL = 7_000  # after the thaw: until the next heartbeat is answered, and until a cancelled handler ended


@dataclass(frozen=True, slots=True)
class End:
    """A terminal record, as it was read."""

    run: str
    state: State
    reason: str | None
    attempt: int
    dispatched: int
    finished: int


@dataclass(frozen=True, slots=True)
class Harm:
    """Something that was done to a worker (`redis`: to the server); `what` says it. A kill has no length."""

    what: str
    worker: str
    since: int
    until: int

    @property
    def lost(self) -> int:
        """From then on others may have what the worker held."""
        return self.since + LEASE - BEAT

    @property
    def outlasted(self) -> bool:
        """Whether it stood still for longer than its leases last."""
        return self.what.startswith("freeze") and self.until > self.lost


@dataclass(frozen=True, slots=True)
class Sample:
    """A process at an instant: `role` is supervisor, loop, nursery or children (all together: pid 0)."""

    at: int
    worker: str
    role: str
    pid: int
    rss: int
    files: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class Books:
    """A job's counters in the store at the end."""

    runs: Mapping[str, int]
    skipped: Mapping[str, int]
    active: int


@dataclass
class Evidence:
    """Everything that was seen.

    `due` are the runs that must have ended, by their jobs; `asked` when they were asked for and when that was answered;
    `perhaps` those of them that Redis may have lost with its last second; `lost` the spans of which it may have
    forgotten what it was told. `left` is what was found in keys that must be empty. `alive` is when a process was last
    seen, by worker and process id.
    """

    kinds: Mapping[str, Kind]
    begin: int = 0
    stop: int = 0
    due: dict[str, str] = field(default_factory=dict)
    perhaps: set[str] = field(default_factory=set)
    asked: dict[str, tuple[int, int]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    ends: dict[str, list[End]] = field(default_factory=dict)
    calls: Mapping[str, Sequence[Call]] = field(default_factory=dict)
    harms: list[Harm] = field(default_factory=list)
    lost: list[tuple[int, int]] = field(default_factory=list)
    books: dict[str, Books] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    alive: dict[tuple[str, int], int] = field(default_factory=dict)
    memory: list[tuple[int, int]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def forgotten(self, at: int, until: int | None = None) -> bool:
        """Whether Redis may not remember what happened then, or at some instant until another one."""
        return any(since <= (at if until is None else until) and at <= end for since, end in self.lost)

    def unsure(self, at: int) -> bool:
        """Whether an attempt that began then may have been taken in a second that Redis forgot: its worker begins it
        until the next heartbeat after Redis came back is answered."""
        backs = [harm for harm in self.harms if harm.worker == "redis"]
        return any(
            since <= at <= max([until, *(harm.until for harm in backs if harm.since <= until <= harm.until)]) + TAIL
            for since, until in self.lost
        )

    def stood_still(self, worker: str, at: int) -> bool:
        """Whether a worker may not have known at an instant that it had lost what it held."""
        return any(
            harm.worker == worker and harm.outlasted and harm.lost <= at <= harm.until + TAIL for harm in self.harms
        )
