"""What the store in memory keeps of a job and of a run; instants and durations are milliseconds."""

from collections import Counter
from dataclasses import dataclass, field

from kronstream.domain.limits import Gate
from kronstream.domain.plan import Skipped
from kronstream.domain.run import Lane, State
from kronstream.ports import Attempt, EffectKind, LastRun, LastSuccess, Pace, Pause, WorkerCard


@dataclass(slots=True)
class Run:
    """One run; ``entry`` is its number in its lane, ``revived`` marks one that only a status has told of, ``own`` one
    that has a payload of its own, also where that is lost."""

    id: str
    uid: str
    namespace: str
    name: str
    nominal: int
    generation: int
    queue: str
    lane: Lane
    dispatched: int
    state: State = State.QUEUED
    attempt: int = 0
    deliveries: int = 0
    entry: int | None = None
    token: str | None = None
    worker: str | None = None
    incarnation: str | None = None
    cancel: str | None = None
    revived: bool = False
    deadline: int | None = None
    started: int | None = None
    finished: int | None = None
    duration: int | None = None
    reason: str | None = None
    result: str | None = None
    error: str | None = None
    output: str = ""
    group: str = ""
    group_max: int = 1
    backfill: str | None = None
    own: bool = False
    payload: str | None = None
    retry_of: str | None = None
    requested_by: str | None = None
    trace: str | None = None
    depth: int = 0
    expires: int | None = None
    external: str | None = None
    parked: int | None = None
    parked_by: str | None = None
    progress: str | None = None
    previous: int | None = None
    gates: tuple[str, ...] = ()
    gate_line: str | None = None
    not_before: int | None = None
    keys: tuple[Gate, ...] | None = None
    first: int | None = None
    kills: int = 0
    slow: bool = False
    attempts: tuple[Attempt, ...] = ()

    @property
    def in_hands(self) -> bool:
        """Whether only a worker can end what was begun: one that holds the run, or the next one, for what goes on
        elsewhere."""
        taken_over = self.state is State.QUEUED and self.external is not None
        return self.parked is None and (self.state is State.RUNNING or taken_over)


@dataclass(slots=True)
class Job:
    """The generation in force, the cursor, and what the status counts; ``ran`` is (after, until] of the instants that
    had their runs before the clock went back, ``handled`` are the counters ``e:…`` of an event handler."""

    uid: str
    born: str
    namespace: str = ""
    name: str = ""
    generation: int = 0
    revision: str = ""
    when: str = ""
    cursor: int = 0
    suspended: bool = False
    invalid: bool = False
    queue: str = "default"
    lane: Lane = Lane.MEDIUM
    policy: str = "Allow"
    backlog: int = 100
    keep_good: int = 10
    keep_bad: int = 10
    keep_age: int = 604_800_000
    starting_deadline: int | None = None
    jitter: int = 0
    limit: int = 0
    max_queued: int = 100
    group: str = ""
    group_max: int = 1
    end_runs: int | None = None
    end_successes: int | None = None
    suspend_after: int | None = None
    pause: Pause | None = None
    ended: bool = False
    skip_next: tuple[int, ...] = ()
    ran: tuple[int, int] | None = None
    run_now: str | None = None
    adopted: int = 0
    seq: int = 0
    function: str = ""
    keys: tuple[Gate, ...] = ()
    depth: int = 0
    platform: str | None = None
    handled: dict[str, str] = field(default_factory=dict)
    expected: int | None = None
    total: int | None = None
    deliveries: int = 3
    runs: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    last: LastRun | None = None
    last_schedule: int | None = None
    last_success: int | None = None
    last_good: LastSuccess | None = None
    last_failure: int | None = None
    consecutive_failures: int = 0
    timed: int = 0
    total_duration: int = 0
    last_skip: Skipped | None = None
    once: str | None = None
    done: int | None = None


@dataclass(slots=True)
class Item:
    """A waiting effect of an event; ``window`` is the key of the debounce window that it still has, ``paced`` tells
    that its time is reserved, ``token`` is that of who has it, ``uncounted`` are attempts that do not count."""

    id: str
    handler: str
    kind: EffectKind
    body: str
    event: str
    since: int
    attempt: int = 0
    most_open: int = 100
    pace: Pace | None = None
    paced: bool = False
    window: str | None = None
    token: str | None = None
    uncounted: int = 0


@dataclass(slots=True)
class Works:
    """Stored works of a job by generation."""

    texts: dict[int, str] = field(default_factory=dict)
    expires: int | None = None


@dataclass(slots=True)
class Worker:
    """A worker's card until its lease ends."""

    card: WorkerCard
    expires: int
    handed: bool = False
