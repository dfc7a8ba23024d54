"""The protocols between the rooms, and the shapes that pass. All instants are integer milliseconds since the epoch."""

from kronstream.ports.backfill import Backfill
from kronstream.ports.ledger import (
    Adopted,
    Adoption,
    Beat,
    Before,
    Conflict,
    Dispatch,
    Epoch,
    Expect,
    Gone,
    JobState,
    LastRun,
    Ledger,
    Pause,
    Seed,
    Stale,
    Verdict,
)
from kronstream.ports.records import Execution, RunRecords
from kronstream.ports.requests import Change, Request, Requests, Stored, Word
from kronstream.ports.runqueue import Claim, Failure, Outcome, Pulse, RunQueue, WorkerCard

__all__ = [
    "Adopted",
    "Adoption",
    "Backfill",
    "Beat",
    "Before",
    "Change",
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
    "Pause",
    "Pulse",
    "Request",
    "Requests",
    "RunQueue",
    "RunRecords",
    "Seed",
    "Stale",
    "Stored",
    "Verdict",
    "Word",
    "WorkerCard",
]
