"""The protocols between the rooms, and the shapes that pass. All instants are integer milliseconds since the epoch."""

from kronstream.ports.ledger import (
    Adopted,
    Adoption,
    Beat,
    Conflict,
    Dispatch,
    Epoch,
    Expect,
    Gone,
    JobState,
    LastRun,
    Ledger,
    Seed,
    Stale,
    Verdict,
)
from kronstream.ports.records import Execution, RunRecords
from kronstream.ports.runqueue import Claim, Failure, Outcome, Pulse, RunQueue, WorkerCard

__all__ = [
    "Adopted",
    "Adoption",
    "Beat",
    "Claim",
    "Conflict",
    "Dispatch",
    "Epoch",
    "Execution",
    "Expect",
    "Failure",
    "Gone",
    "JobState",
    "LastRun",
    "Ledger",
    "Outcome",
    "Pulse",
    "RunQueue",
    "RunRecords",
    "Seed",
    "Stale",
    "Verdict",
    "WorkerCard",
]
