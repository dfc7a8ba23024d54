"""The resources: pydantic models that the CustomResourceDefinitions are generated from."""

from kronstream.resources.dst import Dst
from kronstream.resources.end import EndAfter
from kronstream.resources.handler import Function, Handler
from kronstream.resources.history import History
from kronstream.resources.kind import GROUP, VERSION, Kind
from kronstream.resources.late import CatchUp
from kronstream.resources.meta import Meta
from kronstream.resources.overlap import ConcurrencyGroup
from kronstream.resources.retry import Backoff, Retry
from kronstream.resources.scheduledjob import KINDS, SCHEDULED_JOB, ScheduledJob, parse_job, parse_spec, parse_status
from kronstream.resources.spec import Spec
from kronstream.resources.status import Condition, LastRun, Paused, Runs, Status

__all__ = [
    "GROUP",
    "KINDS",
    "SCHEDULED_JOB",
    "VERSION",
    "Backoff",
    "CatchUp",
    "ConcurrencyGroup",
    "Condition",
    "Dst",
    "EndAfter",
    "Function",
    "Handler",
    "History",
    "Kind",
    "LastRun",
    "Meta",
    "Paused",
    "Retry",
    "Runs",
    "ScheduledJob",
    "Spec",
    "Status",
    "parse_job",
    "parse_spec",
    "parse_status",
]
