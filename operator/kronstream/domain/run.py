"""A run: one occurrence of a job, its identity, its states and where it waits."""

from enum import StrEnum
from hashlib import blake2b


class State(StrEnum):
    """Where a run is; the last five are terminal and never left."""

    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    DEAD = "dead"

    @property
    def terminal(self) -> bool:
        """True when no transition leaves this state."""
        return self not in (State.QUEUED, State.RUNNING, State.RETRYING)


class Trigger(StrEnum):
    """Why a run exists; the value is the letter inside its id."""

    SCHEDULE = "s"
    MANUAL = "m"
    EVENT = "e"
    RETRY = "r"
    BACKFILL = "b"


class Lane(StrEnum):
    """A priority; workers read lanes from the first to the last."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


HANDLER = "eh."
"""What the UIDs of event handlers begin with in the store, and no job's."""


class Reason(StrEnum):
    """Why an attempt or a run ended as it did, in the words of the execution record."""

    ERROR = "error"
    PERMANENT = "permanent"
    TIMEOUT = "timeout"
    WORKER_LOST = "worker_lost"
    CRASHED = "crashed"
    RESULT = "result"
    UNKNOWN_HANDLER = "unknown_handler"
    OVERLAP = "overlap"
    REPLACED = "replaced"
    REQUESTED = "requested"
    DEADLINE = "deadline"
    DELETED = "deleted"
    TOO_MANY_DELIVERIES = "too_many_deliveries"


class Skip(StrEnum):
    """Why a due instant made no run; a key of ``status.skipped``."""

    MISSED = "Missed"
    DEADLINE = "Deadline"
    OVERLAP = "Overlap"
    BACKLOG = "Backlog"
    EDITED = "Edited"
    SUSPENDED = "Suspended"
    INVALID = "Invalid"
    EXPIRED = "Expired"
    PAUSED = "Paused"
    CONDITION = "Condition"
    REQUESTED = "Requested"
    QUEUE_FULL = "QueueFull"


def run_id(uid: str, trigger: Trigger, key: str) -> str:
    """Identity of a run: job UID, trigger letter and key.

    The key is the nominal milliseconds of a scheduled run, ``<backfill>.<nominal milliseconds>`` of a backfilled one,
    and a ``digest`` of all others; with a Kubernetes UID none is longer than 63 characters, so that it can be a label.
    """
    return f"{uid}-{trigger.value}{key}"


def digest(*parts: str) -> str:
    """Twenty hexadecimal digits that stand for texts of any length; the same for the same texts."""
    return blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def trigger_of(run: str) -> Trigger:
    """Why a run exists, read from its identity. Raises ValueError for a text that is none."""
    return Trigger(run.rpartition("-")[2][:1])
