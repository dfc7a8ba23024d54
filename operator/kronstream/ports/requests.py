"""What people and programs ask of the store about single jobs and runs; every call may be repeated."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from kronstream.domain.limits import Gate
from kronstream.ports.backfill import Backfill


@dataclass(frozen=True, slots=True)
class Request:
    """A run that somebody asks for, under an identity made by ``run_id``; instants are milliseconds.

    ``payload`` is the JSON text of its own payload (None: the job's), ``generation`` the one that the caller reasoned
    from (None: any), ``retry_of`` the ended run that is done again, ``value`` that of the annotation run-now,
    ``keys`` the gates of its own payload's keys (None: the job's), ``depth`` how many events led to it, one after the
    other (0: none, or the job's own word).
    """

    uid: str
    run: str
    nominal: int
    generation: int | None = None
    payload: str | None = None
    retry_of: str | None = None
    by: str | None = None
    trace: str | None = None
    value: str | None = None
    keys: tuple[Gate, ...] | None = None
    depth: int = 0


class Word(StrEnum):
    """The answer to a request.

    STARTED: the run is queued, or waits for its turn. KNOWN: it was asked for before, the detail is the answer then.
    SKIPPED: the detail is the reason. MOVED: another generation is in force, its number is the detail. BUSY: what is to
    be done again is not over. LOST: it has no record. HELD: the job's spec cannot be used. GONE: there is no such job.
    """

    STARTED = "started"
    KNOWN = "known"
    SKIPPED = "skipped"
    MOVED = "moved"
    BUSY = "busy"
    LOST = "lost"
    HELD = "held"
    GONE = "gone"


class Change(StrEnum):
    """The answer to an order about a job, a run or a backfill.

    OK: done. SAME: it was so already. ASKED: the run's handler is told. OVER: too late, it ended. PAST: the instant
    passed. FULL: there are too many already. GONE: not known.
    """

    OK = "ok"
    SAME = "same"
    ASKED = "asked"
    OVER = "over"
    PAST = "past"
    FULL = "full"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Stored:
    """What is in force for a job, to reason from.

    ``work`` is the stored form of what its runs execute, ``jitter`` by how many milliseconds an instant may be put off.
    """

    uid: str
    namespace: str
    name: str
    generation: int
    when: str
    cursor: int
    work: str | None
    jitter: int = 0


class Requests(Protocol):
    """The store's side of operations."""

    async def epoch(self) -> str:
        """The epoch that requests must name; '' while a lost store is filled again."""
        ...

    async def now(self) -> int:
        """The store's clock in milliseconds."""
        ...

    async def stored(self, uid: str) -> Stored | None:
        """What is in force for a job."""
        ...

    async def request(self, epoch: str, requests: Sequence[Request]) -> list[tuple[Word, str]]:
        """Start runs; an answer and its detail for each. Raises Epoch when the store was lost since."""
        ...

    async def cancel(self, runs: Sequence[str], by: str) -> list[Change]:
        """Cancel runs: OK (it had not started), ASKED, OVER or GONE for each."""
        ...

    async def pause(self, uids: Sequence[str], by: str, reason: str, until: int | None) -> list[Change]:
        """Pause jobs beside their spec: OK, SAME, PAST (``until`` passed) or GONE for each."""
        ...

    async def resume(self, uids: Sequence[str]) -> list[Change]:
        """End pauses: OK, SAME or GONE for each."""
        ...

    async def skip(self, uid: str, instants: Sequence[int], *, undo: bool = False) -> Change:
        """Skip instants that lie ahead, or take that back: OK, SAME, PAST, FULL or GONE."""
        ...

    async def create_backfill(self, backfill: Backfill) -> Change:
        """Begin a backfill: OK, SAME (it is known), FULL or GONE."""
        ...

    async def step_backfill(self, epoch: str, backfill: Backfill, nominal: int | None) -> str:
        """Start the next run of a backfill (None: there are no more). Answers ok, wait (look again later), done, over,
        gone or cursor:<ms> (somebody was faster). Raises Epoch when the store was lost since."""
        ...

    async def cancel_backfill(self, backfill: str, by: str) -> Change:
        """End a backfill; runs that it started go on: OK, OVER or GONE."""
        ...

    async def backfill(self, backfill: str) -> Backfill | None:
        """One backfill, None when there is none or its retention ended."""
        ...

    async def backfills_of(self, uid: str) -> list[Backfill]:
        """The backfills of a job, the newest first."""
        ...

    async def backfills_due(self, limit: int = 100) -> list[Backfill]:
        """Running backfills that want attention."""
        ...
