"""What the application is made of: services and ports, so that it runs on Redis and a cluster, or in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from kronstream.api.identity import Identity
from kronstream.api.limits import CallerLimit
from kronstream.operations.backfills import Backfills
from kronstream.operations.bulk import Bulk
from kronstream.operations.catalogue import Catalogue
from kronstream.operations.eventletters import EventDeadLetters
from kronstream.operations.executions import Executions
from kronstream.operations.ingest import Ingest
from kronstream.operations.jobs import Jobs
from kronstream.operations.letters import DeadLetters
from kronstream.operations.pausing import Pausing
from kronstream.operations.runs import Runs
from kronstream.operations.shelf import Shelf
from kronstream.operations.trigger import Trigger
from kronstream.ports import Externals, Ledger, Queues
from kronstream.ports.answers import Answers

Ready = Callable[[], tuple[bool, str]]


def alive() -> tuple[bool, str]:
    """Of a process that is well as long as it answers."""
    return True, "ok"


@dataclass(frozen=True)
class Services:
    """Everything that a request may need. ``now`` is the present in milliseconds, ``ending`` tells that this process
    is about to end: what is open for long ends, too; ``foreign`` says whose the data is where it is another
    installation's: nothing of it is told then. ``measured`` says whether /metrics is here, not at a port of its own."""

    identity: Identity
    catalogue: Catalogue
    jobs: Jobs
    runs: Runs
    executions: Executions
    pausing: Pausing
    backfills: Backfills
    bulk: Bulk
    letters: DeadLetters
    event_letters: EventDeadLetters
    shelf: Shelf
    trigger: Trigger
    queues: Queues
    ledger: Ledger
    externals: Externals
    ingest: Ingest
    answers: Answers
    now: Callable[[], int]
    ready: Ready
    registry: CollectorRegistry
    healthy: Ready = alive
    limit: CallerLimit | None = None
    namespace: str = "default"
    event_stream: str = "stream:events"
    origins: tuple[str, ...] = ()
    secure: bool = False
    patience: float = 5.0
    ending: Callable[[], bool] = lambda: False
    foreign: Callable[[], str] = lambda: ""
    measured: bool = True
    concurrency: int = 1_000
