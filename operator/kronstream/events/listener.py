"""One generation of an EventHandler that can be used: what an event asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kronstream.domain.filter import Filter, Key, Transform
from kronstream.domain.matching import Target
from kronstream.domain.retry import Retry
from kronstream.ports import EffectKind, Pace

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
    createJob makes, ``what`` says what that executes; both are None for a run of the handler's own.
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
