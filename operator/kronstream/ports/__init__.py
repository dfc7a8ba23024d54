"""The protocols between the rooms, and the shapes that pass. All instants are integer milliseconds since the epoch."""

from kronstream.ports.backfill import Backfill
from kronstream.ports.eventlog import Entry, EventLog, GroupLost, Lag, LogAway, StreamFault
from kronstream.ports.externals import Completion, Externals
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
from kronstream.ports.letters import Letter, Letters
from kronstream.ports.queues import Backlog, QueuePause, Queues
from kronstream.ports.records import Attempt, Execution, RunRecords
from kronstream.ports.requests import Change, Request, Requests, Stored, Word
from kronstream.ports.runqueue import Claim, Failure, LastSuccess, Outcome, Pulse, RunQueue, WorkerCard
from kronstream.ports.wires import Recall, Reply, Wires

__all__ = [
    "Adopted",
    "Adoption",
    "Attempt",
    "Backfill",
    "Backlog",
    "Beat",
    "Before",
    "Change",
    "Claim",
    "Completion",
    "Conflict",
    "Dispatch",
    "Entry",
    "Epoch",
    "EventLog",
    "Execution",
    "Expect",
    "Externals",
    "Failure",
    "Gone",
    "GroupLost",
    "JobState",
    "Lag",
    "LastRun",
    "LastSuccess",
    "Ledger",
    "Letter",
    "Letters",
    "LogAway",
    "Outcome",
    "Pause",
    "Pulse",
    "QueuePause",
    "Queues",
    "Recall",
    "Reply",
    "Request",
    "Requests",
    "RunQueue",
    "RunRecords",
    "Seed",
    "Stale",
    "Stored",
    "StreamFault",
    "Verdict",
    "Word",
    "Wires",
    "WorkerCard",
]
