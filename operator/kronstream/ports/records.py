"""Execution records: what became of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kronstream.domain.run import State, Trigger


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a run; the last one may not have ended. ``error`` is "type: message", cut, '' for none."""

    number: int
    worker: str | None
    started: int | None
    finished: int | None
    reason: str | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Execution:
    """The record of one run; instants and durations are milliseconds, ``result`` and ``error`` parsed JSON,
    ``progress`` what its handler or its work elsewhere last said of itself.

    ``attempts`` are the last 20, ``previous`` is the nominal time of the scheduled run before. ``payload`` is
    the JSON text of a run that was asked for with its own.
    """

    id: str
    uid: str
    namespace: str
    name: str
    state: State
    trigger: Trigger
    nominal: int | None
    generation: int
    attempt: int
    dispatched: int
    started: int | None
    finished: int | None
    duration: int | None
    reason: str | None
    result: Any
    error: Mapping[str, str] | None
    output: str
    worker: str | None
    retry_of: str | None = None
    requested_by: str | None = None
    trace: str | None = None
    payload: str | None = None
    progress: Any = None
    previous: int | None = None
    attempts: tuple[Attempt, ...] = ()
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Timing:
    """How an ended run went; instants and durations are milliseconds. ``nominal`` is when it was due."""

    state: State
    finished: int
    nominal: int | None
    started: int | None
    duration: int | None


class RunRecords(Protocol):
    """Reads execution records."""

    async def get(self, run: str) -> Execution | None:
        """The record of a run, None when there is none or its retention ended."""
        ...

    async def page(
        self, uid: str, limit: int, offset: int = 0, state: State | None = None
    ) -> tuple[list[Execution], int]:
        """A job's records, and how many there are in all: those that wait, those that have started, then the ended ones
        by their ends, each the newest first. With ``state`` only those in it.

        Found by indexes; of a state that shares one (queued, running, retrying) by what that index holds.
        """
        ...

    async def owner(self, uid: str) -> tuple[str, str] | None:
        """Namespace and name of a deleted job of whose history something is left."""
        ...

    async def timings(self, uid: str, since: int, limit: int) -> list[Timing]:
        """How a job's runs went that ended at ``since`` or later: the last ``limit`` of the good and of the bad."""
        ...

    async def of_job(self, uid: str, limit: int = 20) -> list[Execution]:
        """A job's records, finished or not, newest dispatch first, at most ``limit``."""
        ...
