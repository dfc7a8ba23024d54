"""The ports in memory, for tests without Redis: same answers as the Redis adapters, time by an injected clock."""

from kronstream.testing.clock import Clock, FixedClock
from kronstream.testing.counting import MemoryCounting
from kronstream.testing.effects import MemoryEffects
from kronstream.testing.eventletters import MemoryEventLetters
from kronstream.testing.eventlog import MemoryEventLog
from kronstream.testing.externals import MemoryExternals
from kronstream.testing.ledger import MemoryLedger
from kronstream.testing.letters import MemoryLetters
from kronstream.testing.listing import MemoryListing
from kronstream.testing.queues import MemoryQueues
from kronstream.testing.records import MemoryRecords
from kronstream.testing.requests import MemoryRequests
from kronstream.testing.runqueue import MemoryRunQueue
from kronstream.testing.store import MemoryStore
from kronstream.testing.wires import MemoryWires

__all__ = [
    "Clock",
    "FixedClock",
    "MemoryEventLog",
    "MemoryEffects",
    "MemoryEventLetters",
    "MemoryExternals",
    "MemoryLedger",
    "MemoryLetters",
    "MemoryListing",
    "MemoryCounting",
    "MemoryQueues",
    "MemoryRecords",
    "MemoryRequests",
    "MemoryRunQueue",
    "MemoryStore",
    "MemoryWires",
]
