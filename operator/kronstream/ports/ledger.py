"""What an operator asks of the store: which generation is in force, what is due, what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from kronstream.domain.plan import Skipped
from kronstream.ports.adoption import Adopted, Adoption, Conflict, Gone, Stale
from kronstream.ports.runqueue import WorkerCard


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What one job owes: ``due`` nominal instants, what is skipped, and the cursor from and to.

    ``delays`` are the jitter of each due instant (none: no jitter), ``once`` marks the only dispatch of a one-time job.
    """

    uid: str
    generation: int
    revision: str
    cursor: int
    to: int
    due: tuple[int, ...] = ()
    skips: tuple[Skipped, ...] = ()
    once: bool = False
    delays: tuple[int, ...] = ()


class Verdict(StrEnum):
    """Answer to a dispatch."""

    OK = "ok"
    EARLY = "early"
    HELD = "held"
    GONE = "gone"
    STALE = "stale"
    BEHIND = "behind"
    CURSOR = "cursor"
    DONE = "done"
    ENDED = "ended"


class Epoch(Exception):  # noqa: N818 - what happened, not an error of the caller
    """The store was lost since this replica last looked; nothing was written."""


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest finished run of a job."""

    id: str
    state: str
    started: int | None
    duration: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Before:
    """The run before, as a condition may ask of it."""

    last: LastRun | None
    consecutive_failures: int


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause beside the spec: instants in [since, until) make no runs; ``until`` None means until it is resumed.

    ``failures`` tells that the job's failures in a row brought it about.
    """

    since: int
    until: int | None
    by: str = ""
    reason: str = ""
    failures: bool = False

    def covers(self, instant: int) -> bool:
        """Whether an instant lies in it."""
        return self.since <= instant and (self.until is None or instant < self.until)


@dataclass(frozen=True, slots=True)
class JobState:
    """Everything that the store knows of a job and its status shows.

    ``when`` is the normalised text of the when-fields, ``ended`` True after ``endAfter``, ``skip_next`` instants ahead
    that somebody asked to skip, ``run_now`` the last handled value of the annotation.
    """

    uid: str
    namespace: str
    name: str
    generation: int
    revision: str
    cursor: int
    seq: int
    suspended: bool
    invalid: bool
    active: int
    unfinished: tuple[str, ...]
    runs: Mapping[str, int]
    skipped: Mapping[str, int]
    last: LastRun | None
    last_schedule: int | None
    last_success: int | None
    last_failure: int | None
    consecutive_failures: int
    average_duration: int | None
    last_skip: Skipped | None
    once: str | None
    done: int | None
    when: str = ""
    pause: Pause | None = None
    ended: bool = False
    skip_next: tuple[int, ...] = ()
    run_now: str | None = None


@dataclass(frozen=True, slots=True)
class Beat:
    """Answer to a replica's heartbeat: the store's clock in microseconds, its epoch ('' when it was lost), a number
    that grows with every heartbeat of anyone, and when each replica was last heard (milliseconds)."""

    micros: int
    epoch: str
    pulse: int
    replicas: Mapping[str, int]

    @property
    def now(self) -> int:
        """The store's clock in milliseconds."""
        return self.micros // 1000


class Ledger(Protocol):
    """The operator's side of the store. Every call may be repeated after a lost reply."""

    async def adopt(self, adoptions: Sequence[Adoption]) -> list[Adopted | Stale | Conflict | Gone]:
        """Take generations into force; one answer for each."""
        ...

    async def dispatch(self, epoch: str, items: Sequence[Dispatch]) -> list[tuple[Verdict, int]]:
        """Dispatch what is due; with CURSOR and DONE (the only run of a one-time job was dispatched before) comes the
        stored cursor, with STALE the generation in force.

        Raises Epoch when the store was lost.
        """
        ...

    async def describe(self, uids: Sequence[str]) -> list[JobState | None]:
        """State of jobs; None for one that the store does not know."""
        ...

    async def lasts(self, uids: Sequence[str]) -> list[Before]:
        """The newest finished run of each job; of one that the store does not know there is none."""
        ...

    async def cursors(self, uids: Sequence[str]) -> list[int | None]:
        """Stored cursors; None for a job that the store does not know."""
        ...

    async def dirty(self, cursor: int = 0, *, handlers: bool = False) -> tuple[int, list[str]]:
        """Some jobs (or event handlers) whose status is out of date, and where to go on (0: all were seen)."""
        ...

    async def clean(self, written: Sequence[tuple[str, int]]) -> None:
        """Statuses of (uid, seq) were written."""
        ...

    async def forget(self, uids: Sequence[str], before: int | None = None) -> int:
        """Forget deleted jobs adopted before the instant; how many were known."""
        ...

    async def past(self) -> list[str]:
        """Namespaces of deleted jobs of whose history something is left."""
        ...

    async def purge(self, namespace: str, before: int | None = None, limit: int = 1_000) -> tuple[int, int]:
        """Delete the history of deleted jobs of a namespace, first adopted before the instant, but for runs that go on.

        How many records were deleted, ``limit`` at most, and of how many jobs something is left.
        """
        ...

    async def known(self, *, handlers: bool = False) -> list[str]:
        """UIDs of all jobs (or event handlers, ``eh.<uid>``) adopted and not forgotten."""
        ...

    async def beat(self, replica: str, phase: str = "beat", candidate: str = "") -> Beat:
        """Heartbeat of an operator replica; phases: join, beat, begin, ready, leave (see ``replica.lua``)."""
        ...

    async def workers(self) -> list[WorkerCard]:
        """Cards of live workers."""
        ...

    async def sweep(self, limit: int = 100) -> int:
        """As RunQueue.sweep."""
        ...

    async def declare_pauses(self, source: str, pauses: Mapping[str, Pause], since: int | None = None) -> bool:
        """The pauses of namespaces, and of all jobs ('*'), as one source declares them now; what it does not name any
        more ends. ``since`` is from when new ones count (None: now; their own ``since`` is not read). True when
        something changed."""
        ...

    async def declared_pauses(self) -> Mapping[str, tuple[Pause, ...]]:
        """Pauses by namespace or '*', those included whose instants may still be looked at."""
        ...
