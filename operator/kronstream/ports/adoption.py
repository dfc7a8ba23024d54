"""Generations of jobs, and of event handlers, that are taken into force."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kronstream.domain.limits import Gate
from kronstream.domain.plan import Skipped
from kronstream.domain.run import Lane


@dataclass(frozen=True, slots=True)
class Expect:
    """The state that the caller reasoned from; an adoption that names it is refused when it is no longer so.

    ``counted`` is the instant (ms) up to which the adoption's ``skips`` tell what the old schedule leaves behind. A
    cursor that moves goes there: what comes due before the store hears of it is neither lost nor counted. Without it,
    the cursor goes to the store's present.
    """

    generation: int
    revision: str
    cursor: int
    counted: int | None = None


@dataclass(frozen=True, slots=True)
class Seed:
    """What a status still knows of a job that the store does not: counters by store field, runs not finished.

    Of the unfinished runs those that the schedule or a backfill made are brought back, and ``asked``, the one that the
    annotation run-now asked for; any other may have had a payload of its own, which is lost. ``claimed`` are runs that
    were started for values of that annotation, and are not to be started again.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    unfinished: tuple[str, ...] = ()
    asked: str | None = None
    claimed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Adoption:
    """One generation of a job, to be taken into force.

    ``when`` is the normalised text of the when-fields ('' for an invalid spec), ``cursor`` where a job unknown to the
    store starts, ``work`` the stored form of what its runs execute (None for an invalid spec), ``rebuild`` True while
    a lost store is filled again (the cursor may then be raised), ``seq`` the least sequence number to go on from,
    ``alive`` True when the API server was just asked and has the job, though the store has it as deleted.
    ``max_concurrent`` 0 means what the policy says: any number with Allow, else one; a job of no ``group`` has ''.
    ``expected`` is how long a run is expected to take, ``total`` how long all its attempts may take together,
    ``deliveries`` how often it may end the process that executes it. ``function`` is what workers offer, ``keys`` are
    the gates of its runs' keys, by the payload of the spec.
    ``outcomes`` are the types of outcomes of runs that an event handler listens for: they are told from now on, as if
    the ``scope`` of its router had asked for them.
    ``depth`` is how many events led to the job, one after the other, ``platform`` the one it belongs to.
    ``end_runs``, ``end_successes`` end the job after so many, ``suspend_after`` pauses it after so many failures.
    """

    uid: str
    namespace: str
    name: str
    generation: int
    revision: str
    when: str
    cursor: int
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
    max_concurrent: int = 0
    max_queued: int = 100
    group: str = ""
    group_max: int = 1
    end_runs: int | None = None
    end_successes: int | None = None
    suspend_after: int | None = None
    expected: int | None = None
    total: int | None = None
    deliveries: int = 3
    function: str = ""
    keys: tuple[Gate, ...] = ()
    depth: int = 0
    platform: str | None = None
    scope: str = ""
    outcomes: tuple[str, ...] = ()
    work: str | None = None
    seed: Seed | None = None
    expect: Expect | None = None
    skips: tuple[Skipped, ...] = ()
    rebuild: bool = False
    seq: int | None = None
    alive: bool = False


@dataclass(frozen=True, slots=True)
class Adopted:
    """The generation is in force; ``once`` and ``done`` tell of the only run of a one-time job."""

    cursor: int
    once: str | None
    done: int | None


@dataclass(frozen=True, slots=True)
class Stale:
    """A higher (generation, revision) is in force, with this cursor."""

    generation: int
    revision: str
    cursor: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """The when-fields change or the job resumes, and the caller did not name the state it counted from: this one."""

    generation: int
    revision: str
    when: str
    cursor: int
    suspended: bool
    invalid: bool


@dataclass(frozen=True, slots=True)
class Gone:
    """The job was forgotten."""
