"""What a worker asks of the store, and the shapes that pass.

All instants are integer milliseconds since the epoch, all durations integer milliseconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from kronstream.domain.run import Lane, Reason, State
from kronstream.domain.work import Work


@dataclass(frozen=True, slots=True)
class LastSuccess:
    """A job's last successful run: its id, its nominal time, and whether its record has a result."""

    run: str
    nominal: int
    has_result: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt at a run, handed to one worker under a token; ``work`` has the run's own payload, if it has one.

    ``previous`` is the nominal time of the scheduled run before. ``external`` is the token of work that an earlier
    worker of this same attempt started elsewhere: go on with it instead of starting another; that began at
    ``started``. ``trace`` is the trace id that came with the run, ``spent`` are the milliseconds since its first
    attempt began, ``waited`` those that its entry stood in the stream (None: unknown, as for one answered again).
    """

    run: str
    token: str
    uid: str
    generation: int
    attempt: int
    nominal: int
    deliveries: int
    lane: Lane
    work: Work
    previous: int | None = None
    last_success: LastSuccess | None = None
    external: str | None = None
    started: int | None = None
    trace: str | None = None
    spent: int = 0
    waited: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong in an attempt; texts are already bounded."""

    type: str
    message: str
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one attempt.

    ``retry_in`` is None when the run is over in ``state``; otherwise the run is tried again that many milliseconds
    from now and ``state`` is RETRYING. ``result`` is JSON text; ``generation`` and ``nominal`` are the claim's, for a
    store that lost the record. ``killed`` tells that the attempt ended the process that executed it: a run that does so
    too often is taken out of delivery.
    """

    run: str
    token: str
    state: State
    duration: int
    reason: Reason | None = None
    retry_in: int | None = None
    result: str | None = None
    failure: Failure | None = None
    output: str = ""
    generation: int = 0
    nominal: int = 0
    killed: bool = False


@dataclass(frozen=True, slots=True)
class WorkerCard:
    """What a worker says of itself with each heartbeat.

    ``incarnation`` is new for every process, ``consumer`` may be kept over restarts. ``queues`` tells how many runs of
    each queue it executes at a time, ``limits`` (``Limits.shape``) what holds for all workers together.
    """

    consumer: str
    incarnation: str
    queues: Mapping[str, int]
    functions: tuple[str, ...]
    started: int = 0
    processed: int = 0
    succeeded: int = 0
    failed: int = 0
    uptime_seconds: int = 0
    last_beat: int = 0
    limits: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def concurrency(self) -> int:
        """How many runs it executes at a time, of all its queues."""
        return sum(self.queues.values())


@dataclass(frozen=True, slots=True)
class Pulse:
    """Answer to a heartbeat: runs to cancel (run → reason), runs whose token is no longer current, and whether
    runs were handed to this consumer that it has to take with ``take_pending``."""

    now: int
    cancel: Mapping[str, str] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()
    handed: bool = False


class RunQueue(Protocol):
    """What a worker asks of the store. Every call may be repeated after a lost reply."""

    async def take(self, card: WorkerCard, queue: str, slots: int) -> list[Claim]:
        """Start up to ``slots`` runs of a queue; empty when there are none. Never blocks.

        The critical lane is always read first. Of any eight calls five read the others from high to low, two read
        medium before them, one low: no lane starves, however full the others are.
        """
        ...

    async def take_pending(self, card: WorkerCard, queue: str, slots: int, held: Sequence[str] = ()) -> list[Claim]:
        """What of a queue is pending for this consumer but not among ``held`` (run ids this worker process knows of).

        For the start, after a lost connection, and after a pulse that says ``handed``. Runs that a previous
        incarnation of this consumer had started are not answered: their lease ends and the sweep decides.
        """
        ...

    async def wait(self, queue: str, timeout: int) -> bool:
        """Block until a run may be waiting in the queue (True) or ``timeout`` milliseconds passed (False)."""
        ...

    async def finish(self, card: WorkerCard, outcomes: Sequence[Outcome]) -> list[bool]:
        """Record ends of attempts; False where the token was no longer current and nothing was written.

        Raises Epoch, with nothing written, while a lost store does not know one of the jobs yet: ask again.
        """
        ...

    async def slow(self, claims: Sequence[Claim]) -> None:
        """Mark runs that take longer than their jobs expect."""
        ...

    async def result(self, run: str) -> str | None:
        """The result (JSON text) in a run's record, None where there is none."""
        ...

    async def release(self, card: WorkerCard, claims: Sequence[Claim]) -> None:
        """Hand runs back unexecuted, no attempt consumed (drain, a newer work version)."""
        ...

    async def hand_over(self, card: WorkerCard, claim: Claim, consumer: str) -> bool:
        """Give a started run to another live consumer, no attempt consumed; False when that one is gone."""
        ...

    async def beat(self, card: WorkerCard, held: Sequence[Claim]) -> Pulse:
        """Renew the leases of the runs held and publish the card. A run whose job a lost store does not know yet is
        not told to be lost."""
        ...

    async def workers(self) -> list[WorkerCard]:
        """Cards of the workers whose last heartbeat is younger than the lease."""
        ...

    async def tidy(self, queues: Sequence[str], idle: int = 60_000) -> int:
        """Remove consumers of these queues that have nothing pending, no card, and asked for nothing for ``idle``
        milliseconds; how many, each lane counted."""
        ...

    async def leave(self, card: WorkerCard) -> None:
        """Remove the card, and the consumer where nothing is pending for it."""
        ...

    async def sweep(self, limit: int = 100) -> int:
        """Promote due retries and bring back runs whose lease ended or whose entry vanished; how many moved."""
        ...
