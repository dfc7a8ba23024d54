"""What a router asks of the store: that an event causes exactly what its handlers say, and what became of that.

A handler is known to the store under ``eh.<its UID>``: it is adopted and forgotten like a job (``Ledger``), with an
empty ``when``. All instants are integer milliseconds since the epoch, all durations integer milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from kronstream.ports.requests import Request


class EffectKind(StrEnum):
    """What an effect makes: a run, by the store itself; or a resource, by whoever takes the effect when it is due."""

    RUN = "run"
    CREATE = "create"


@dataclass(frozen=True, slots=True)
class Dedupe:
    """Of events with one ``key`` only the first of a ``window`` acts."""

    key: str
    window: int


@dataclass(frozen=True, slots=True)
class Debounce:
    """Events with one ``key`` act once: when none came for ``quiet``, at the latest ``most`` after the first.

    ``last`` tells that the last of them acts, not the first.
    """

    key: str
    quiet: int
    most: int
    last: bool = True


@dataclass(frozen=True, slots=True)
class Pace:
    """At most ``count`` actions of the handler in ``per``; what is over is dropped, or with ``delay`` put off."""

    count: int
    per: int
    delay: bool = False


@dataclass(frozen=True, slots=True)
class Effect:
    """What one event is to cause by one handler.

    ``handler`` is ``eh.<uid>``, ``generation`` the one that the caller reasoned from. ``item`` is the identity of the
    pair: ``digest(source, id, uid)``; ``event`` is the event's id, for what is told of an error. ``body`` is JSON text,
    at most 64 KiB, that is kept where the effect has to wait: ``{"event": <structured>}``. ``request`` is the run of a
    RUN (None: there is no such job), under the id ``run_id(uid of the job or the handler, Trigger.EVENT, item)``. A run
    whose job is unknown or cannot be used is tried again as a waiting effect after ``retry_in`` (None: it failed).
    ``most_open`` is how many of a handler's created jobs may be open at a time.
    """

    handler: str
    generation: int
    item: str
    kind: EffectKind
    body: str
    request: Request | None = None
    dedupe: Dedupe | None = None
    debounce: Debounce | None = None
    pace: Pace | None = None
    most_open: int = 100
    retry_in: int | None = 10_000
    event: str = ""


class FateWord(StrEnum):
    """What became of an effect.

    STARTED: its run is queued, the detail is its id. QUEUED: it waits for whoever takes it. SKIPPED: the job's policy,
    the detail is the reason. KNOWN: it was routed before, the detail is the first answer, as ``word:detail``.
    DUPLICATE: another event of its key acted. DEBOUNCED, DELAYED: it waits, the detail is until when. DROPPED: over the
    handler's pace. GONE, HELD: the job of its run is unknown or cannot be used; tried again, or failed.

    Nothing was stored for: MOVED: another generation of the job is in force, its number is the detail. UNKNOWN: the
    handler, or this generation of it, is not adopted. STALE: a higher generation of the handler is in force, its number
    is the detail. DELETED: the handler is gone. FULL: too much waits.
    """

    STARTED = "started"
    QUEUED = "queued"
    SKIPPED = "skipped"
    KNOWN = "known"
    DUPLICATE = "duplicate"
    DEBOUNCED = "debounced"
    DELAYED = "delayed"
    DROPPED = "dropped"
    GONE = "gone"
    HELD = "held"
    MOVED = "moved"
    UNKNOWN = "unknown"
    STALE = "stale"
    DELETED = "deleted"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Fate:
    """The answer to an effect."""

    word: FateWord
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a handler let pass by: events that its filter did not hold for, and those that it could not judge.

    ``message`` and ``event`` (its id) are of the last one that it could not judge.
    """

    handler: str
    filtered: int = 0
    errors: int = 0
    message: str = ""
    event: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An effect whose time came, leased to the caller under ``token``; ``attempt`` is 1 for the first that counts.

    ``since`` is when it began to wait. A run is started with ``Requests.request``, under its id, before it is settled.
    """

    handler: str
    item: str
    kind: EffectKind
    body: str
    attempt: int
    token: str
    since: int


class Ending(StrEnum):
    """How an attempt at a waiting effect ended. FAILED becomes a dead letter; SKIPPED counts as failed and is none.

    AWAY is no attempt at all: what it takes is not there now, and however long that lasts, the retries are not used up.
    """

    DONE = "done"
    RETRY = "retry"
    AWAY = "away"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Settled:
    """The end of an attempt: ``wait`` is until the next one (RETRY, AWAY), ``created`` the UID of the job made.

    ``reason`` and ``message`` go into the dead letter.
    """

    item: str
    token: str
    ending: Ending
    wait: int = 0
    reason: str = "ActionFailed"
    message: str = ""
    created: str | None = None


@dataclass(frozen=True, slots=True)
class HandlerError:
    """The last error of a handler; ``event`` is the id of its event."""

    message: str
    event: str
    at: int


@dataclass(frozen=True, slots=True)
class HandlerState:
    """What the store knows of a handler.

    ``triggered`` are actions begun, ``failed`` those given up. ``waiting`` effects have ``oldest`` as the instant since
    which the first of them waits; ``open`` are jobs created or being created that are not over.
    """

    generation: int
    seq: int
    triggered: int = 0
    succeeded: int = 0
    failed: int = 0
    filtered: int = 0
    deduplicated: int = 0
    debounced: int = 0
    rate_limited: int = 0
    errors: int = 0
    last_trigger: int | None = None
    last_success: int | None = None
    last_error: HandlerError | None = None
    waiting: int = 0
    oldest: int | None = None
    open: int = 0


@dataclass(frozen=True, slots=True)
class Entered:
    """A generation of a handler that came into force in the store; ``uid`` is ``eh.<UID>``."""

    uid: str
    generation: int
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Roll:
    """Generations in the order in which they came into force, up to the ``turn`` of the last of them.

    ``more`` tells that others follow. Turns are numbers that grow, and begin anew in a store that was lost.
    """

    turn: int
    entered: tuple[Entered, ...] = ()
    more: bool = False


class Effects(Protocol):
    """The router's side of the store. Every call may be repeated after a lost reply."""

    async def route(self, epoch: str, effects: Sequence[Effect]) -> list[Fate]:
        """Let events have their effects, in this order; one answer for each. Raises Epoch when the store was lost."""
        ...

    async def tally(self, tallies: Sequence[Tally], token: str) -> None:
        """Count what handlers let pass by; repeated with the same token within ten minutes, it counts once."""
        ...

    async def take_due(self, limit: int, lease: int, put_off: int = 0) -> list[Waiting]:
        """Waiting effects whose time came, leased for so many milliseconds, after which they are taken again.

        With ``put_off`` those that create something are not: they wait for so many milliseconds more.
        """
        ...

    async def settle(self, results: Sequence[Settled]) -> list[bool]:
        """End attempts; False where the token is no longer current and nothing was written."""
        ...

    async def tend(self, limit: int = 100) -> int:
        """Let effects go on whose handler's created jobs are over, and drop those of deleted handlers; how many."""
        ...

    async def describe(self, handlers: Sequence[str]) -> list[HandlerState | None]:
        """State of handlers; None for one that the store does not know."""
        ...

    async def backlog(self) -> tuple[int, int]:
        """How many effects wait, and the bytes of their bodies."""
        ...

    async def roll(self, after: int, limit: int) -> Roll:
        """The handlers whose generation came into force after a turn, ``limit`` at most, the first ones.

        A store whose last turn is before ``after`` was lost, or is an older copy: it is told from the first one on.
        """
        ...

    async def want(self, scope: str, types: Sequence[str], turn: int) -> bool:
        """The types of outcome events that somebody listens for, replacing what this scope said before.

        False, and nothing is changed, where a generation came into force after ``turn``: the caller cannot know it.
        """
        ...

    async def job_named(self, namespace: str, name: str) -> str | None:
        """The UID of an adopted job."""
        ...

    async def beat(self, router: str) -> list[str]:
        """Heartbeat of a router; the names of the live ones, sorted."""
        ...

    async def routers(self) -> list[str]:
        """The names of the live routers, sorted."""
        ...

    async def leave(self, router: str) -> None:
        """A router goes."""
        ...
