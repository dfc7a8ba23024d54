"""The EventHandler: its kind, how an object of the API server becomes one, and whether its spec can be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from kronstream.domain import filter as expressions
from kronstream.domain.errors import Invalid
from kronstream.domain.eventpattern import Pattern
from kronstream.domain.filter import Filter, Key, Transform
from kronstream.resources import faults
from kronstream.resources.eventspec import EventSpec
from kronstream.resources.eventstatus import EventHandlerStatus
from kronstream.resources.kind import Column, Kind
from kronstream.resources.meta import Meta, parse_meta


@dataclass(frozen=True, slots=True)
class EventHandler:
    """A handler as the user wrote it. Whether its expressions mean something is judged apart."""

    meta: Meta
    spec: EventSpec


@dataclass(frozen=True, slots=True)
class JudgedHandler:
    """What a good spec means: its pattern and its expressions, compiled."""

    pattern: Pattern
    filter: Filter | None = None
    dedupe: Key | None = None
    debounce: Key | None = None
    transform: Transform | None = None


def parse_handler(obj: Mapping[str, object]) -> EventHandler:
    """Read an object of the API server; `status` is left alone.

    Raises Invalid for the first fault, with its path (`spec.action.createJob`); for any JSON object, nothing else.
    """
    return EventHandler(parse_meta(obj.get("metadata")), parse_handler_spec(obj.get("spec")))


def parse_handler_spec(spec: object) -> EventSpec:
    """Read a `spec`. Raises Invalid for the first fault."""
    return faults.spec_of(EventSpec, spec, "write event and action")


def parse_handler_status(status: object) -> EventHandlerStatus:
    """Read a `status`; absent is empty. Raises Invalid where it is none that an operator of any version wrote."""
    return faults.status_of(EventHandlerStatus, status)


def judge_handler(spec: EventSpec) -> JudgedHandler:
    """The meaning of a spec. Raises Invalid for the first expression that cannot be used, with its path."""
    spec.action.judge("spec.action")
    dedupe, debounce = spec.dedupe, spec.debounce
    return JudgedHandler(
        _read("spec.event", Pattern.read, spec.event),
        _compiled("spec.filter", expressions.compile, spec.filter),
        _compiled("spec.dedupe.key", expressions.compile_key, dedupe.key if dedupe else None),
        _compiled("spec.debounce.key", expressions.compile_key, debounce.key if debounce else None),
        _compiled("spec.transform", expressions.compile_transform, spec.transform),
    )


T = TypeVar("T")


def _compiled(at: str, read: Callable[[str], T], text: str | None) -> T | None:
    return None if text is None else _read(at, read, text)


def _read(at: str, read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except ValueError as fault:
        raise Invalid(at, str(fault)) from None


EVENT_HANDLER = Kind(
    name="EventHandler",
    plural="eventhandlers",
    singular="eventhandler",
    short_names=("eh",),
    description="What is done about events of a type: a job is created or run, a workflow triggered, an agent "
    "dispatched. Each event is acted on at least once, and creates or runs a job exactly once; status tells what "
    "became of them.",
    spec=EventSpec,
    status=EventHandlerStatus,
    columns=(
        Column("Event", ".spec.event", "The type of the events"),
        Column("Action", ".status.action", "What is done about them"),
        Column("Platform", ".spec.platformId", "The platform whose events are meant; empty: all"),
        Column("Enabled", ".spec.enabled", "Whether events are acted on", "boolean"),
        Column("Ready", ".status.conditions[?(@.type=='Ready')].status", "Whether events are listened for"),
        Column("Triggered", ".status.triggerCount", "Actions that were begun", "integer"),
        Column("OK", ".status.successCount", "Actions that were done", "integer"),
        Column("Failed", ".status.failureCount", "Actions that failed for good", "integer"),
        Column("Last", ".status.lastTriggerTime", "How long ago an action was last begun", "date"),
        Column("Age", ".metadata.creationTimestamp", "How long ago the handler was created", "date"),
        Column("Priority", ".spec.priority", "Higher acts first", "integer", wide=True),
        Column("Filtered", ".status.filteredCount", "Events that the filter left out", "integer", wide=True),
        Column("Waiting", ".status.waiting", "Events whose action is still to come", "integer", wide=True),
        Column("Stream", ".spec.source.stream", "Where the events come from", wide=True),
        Column("Reason", ".status.conditions[?(@.type=='Ready')].reason", "Why it is ready or not", wide=True),
    ),
)
