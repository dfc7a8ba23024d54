"""One generation of an EventHandler that can be used: what an event asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kronstream.domain.filter import Filter, Key, Transform
from kronstream.domain.matching import Target
from kronstream.domain.outcomeevent import TYPES
from kronstream.domain.retry import Retry
from kronstream.ports import EffectKind, Pace
from kronstream.resources.eventhandler import JudgedHandler
from kronstream.resources.eventspec import EventSpec
from kronstream.resources.meta import Meta
from kronstream.resources.retry import Backoff

OUTCOMES = "kronstream"
"""The first segment of the types under which the scheduler tells how its own runs went."""


@dataclass(frozen=True, slots=True)
class Window:
    """Events with one key (None: all of the handler) within so many milliseconds."""

    key: Key | None
    span: int


@dataclass(frozen=True, slots=True)
class Burst:
    """As ``Debounce``, with the key not yet told of an event."""

    key: Key | None
    quiet: int
    most: int
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener(Target):
    """A handler as events meet it; ``uid`` is ``eh.<UID>``, ``created`` in milliseconds.

    ``job`` is the name of the ScheduledJob that runJob runs, ``template`` the fields of the spec of the one that
    createJob makes, ``what`` says what that executes; both are None for a run of the handler's own. ``action`` is the
    action in a few words.
    """

    generation: int
    created: int
    stream: str
    kind: EffectKind
    filter: Filter | None = None
    transform: Transform | None = None
    dedupe: Window | None = None
    debounce: Burst | None = None
    pace: Pace | None = None
    retry: Retry = field(default_factory=Retry)
    payload: Any = None
    job: str | None = None
    template: Mapping[str, Any] | None = None
    what: str = ""
    action: str = ""
    most_open: int = 100

    @property
    def kube_uid(self) -> str:
        """The UID that the API server gave it."""
        return self.uid.partition(".")[2]

    @property
    def looks(self) -> bool:
        """Whether any expression asks about the event."""
        return bool(
            self.filter or self.transform or (self.dedupe and self.dedupe.key) or (self.debounce and self.debounce.key)
        )

    @property
    def hears_outcomes(self) -> bool:
        """Whether it is told how runs went, beside what its stream brings."""
        return self.pattern.segments[0] == OUTCOMES

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The types of outcomes that it hears."""
        return tuple(name for name in TYPES if self.hears_outcomes and self.pattern.matches(name))


def listener_of(uid: str, meta: Meta, spec: EventSpec, judged: JudgedHandler) -> Listener:
    """What a judged spec asks of events; ``uid`` is ``eh.<UID>``."""
    action, dedupe, debounce, rate = spec.action, spec.dedupe, spec.debounce, spec.rate_limit
    create = action.create_job
    return Listener(
        uid=uid,
        namespace=meta.namespace,
        name=meta.name,
        priority=spec.priority,
        pattern=judged.pattern,
        platform=spec.platform_id,
        generation=meta.generation,
        created=meta.created_ms,
        stream=spec.source.stream,
        kind=EffectKind.CREATE if create is not None else EffectKind.RUN,
        filter=judged.filter,
        transform=judged.transform,
        dedupe=Window(judged.dedupe, dedupe.window_ms) if dedupe else None,
        debounce=Burst(judged.debounce, debounce.quiet_ms, debounce.most_ms, debounce.take == "Last")
        if debounce
        else None,
        pace=Pace(rate.count, rate.per_ms, rate.over == "Delay") if rate else None,
        retry=retry_of(spec.retry.limit, spec.retry.backoff),
        payload=action.execution.payload if action.execution is not None else None,
        job=action.run_job.name if action.run_job is not None else None,
        template=create.job if create is not None else None,
        what=action.text.partition(" ")[2],
        action=action.text,
        most_open=create.max_open if create is not None else 100,
    )


def retry_of(limit: int, backoff: Backoff, only_on: tuple[str, ...] = (), not_on: tuple[str, ...] = ()) -> Retry:
    """A retry as it is written, as one that can be asked."""
    return Retry(limit, backoff.initial_ms, backoff.factor, backoff.longest_ms, backoff.jitter, only_on, not_on)
