"""What people and programs do with jobs beside editing them: run, retry, cancel, skip, pause, backfill.

One service for every door: the operator (annotations), the API and the command line call the same functions.
"""

from kronstream.operations.backfills import Backfills, Preview
from kronstream.operations.ingest import Accepted, Ingest, Rejected, Unavailable
from kronstream.operations.pausing import Pausing
from kronstream.operations.refused import Refused
from kronstream.operations.runs import Runs, Started

__all__ = [
    "Accepted",
    "Backfills",
    "Ingest",
    "Pausing",
    "Preview",
    "Refused",
    "Rejected",
    "Runs",
    "Started",
    "Unavailable",
]
