"""The resources: pydantic models that the CustomResourceDefinitions are generated from."""

from kronstream.resources.handler import Function, Handler
from kronstream.resources.kind import GROUP, VERSION, Kind
from kronstream.resources.meta import Meta
from kronstream.resources.retry import Backoff, Retry
from kronstream.resources.scheduledjob import KINDS, SCHEDULED_JOB, ScheduledJob, parse_job, parse_spec, parse_status
from kronstream.resources.spec import CatchUp, History, Spec
from kronstream.resources.status import Condition, LastRun, Paused, Runs, Status

__all__ = [
    "GROUP",
    "KINDS",
    "SCHEDULED_JOB",
    "VERSION",
    "Backoff",
    "CatchUp",
    "Condition",
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
