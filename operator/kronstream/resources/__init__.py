"""The resources: pydantic models that the CustomResourceDefinitions are generated from."""

from kronstream.resources.dst import Dst
from kronstream.resources.end import EndAfter
from kronstream.resources.eventhandler import (
    EVENT_HANDLER,
    EventHandler,
    JudgedHandler,
    judge_handler,
    parse_handler,
    parse_handler_spec,
    parse_handler_status,
)
from kronstream.resources.eventspec import EventSpec
from kronstream.resources.eventstatus import EventHandlerStatus, LastError
from kronstream.resources.handler import Function, Handler
from kronstream.resources.history import History
from kronstream.resources.kind import GROUP, VERSION, Kind
from kronstream.resources.late import CatchUp
from kronstream.resources.meta import Meta
from kronstream.resources.overlap import ConcurrencyGroup
from kronstream.resources.retry import Backoff, Retry
from kronstream.resources.scheduledjob import SCHEDULED_JOB, ScheduledJob, parse_job, parse_spec, parse_status
from kronstream.resources.spec import Spec
from kronstream.resources.status import Condition, LastRun, Paused, Runs, Status

KINDS = (SCHEDULED_JOB, EVENT_HANDLER)

__all__ = [
    "EVENT_HANDLER",
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
    "EventHandler",
    "EventHandlerStatus",
    "EventSpec",
    "Function",
    "Handler",
    "History",
    "Kind",
    "JudgedHandler",
    "LastError",
    "LastRun",
    "Meta",
    "Paused",
    "Retry",
    "Runs",
    "ScheduledJob",
    "Spec",
    "Status",
    "judge_handler",
    "parse_handler",
    "parse_handler_spec",
    "parse_handler_status",
    "parse_job",
    "parse_spec",
    "parse_status",
]
