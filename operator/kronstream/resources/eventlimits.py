"""What keeps an EventHandler from acting on every event."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kronstream.domain import duration
from kronstream.domain.expression import MAX_LENGTH
from kronstream.resources.base import Part
from kronstream.resources.rule import Rule, Ruled
from kronstream.resources.scalars import Span, cel_is_duration, cel_ms

Expression = Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]
_LONGEST_MS = 86_400_000
_TIMES = 10


class Dedupe(Part):
    """Events that tell the same thing again are left out. (The same event, by its source and id, is acted on once in
    any case.)
    """

    key: Expression
    """What events have in common that tell the same, as a CEL expression over the event such as `event.data.order_id`;
    it knows what filter knows.
    """
    window_ms: Annotated[int, Span("1s", "7d")]
    """For how long after an event others of its key are left out, from 1s to 7d, such as `10m`."""


class Debounce(Ruled):
    """A burst of events causes one action, once it is quiet."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.maxWait) || "
            f"!{cel_is_duration('self.quiet')} || !{cel_is_duration('self.maxWait')} || "
            f"{cel_ms('self.quiet')} <= {cel_ms('self.maxWait')}",
            holds=lambda debounce: debounce.max_wait_ms is None or debounce.quiet_ms <= debounce.max_wait_ms,
            fault="is shorter than quiet",
            instead="write a maxWait that is at least quiet",
            at=".maxWait",
            detail=lambda debounce: f"{duration.render(debounce.max_wait_ms)} and {duration.render(debounce.quiet_ms)}",
        ),
    )

    quiet_ms: Annotated[int, Span("100ms", "1d")]
    """The action is taken when no event has come for so long, from 100ms to 1d, such as `30s`."""
    max_wait_ms: Annotated[int, Span("100ms", "1d")] | None = None
    """It is taken this long after the first event of a burst at the latest, from 100ms to 1d. Ten times quiet (at most
    1d) when left out, so that events that never cease do not put it off for ever.
    """
    key: Expression | None = None
    """What events of one burst have in common, as a CEL expression over the event such as `event.data.repository`;
    each key is a burst by itself. When left out, all events of this handler are one.
    """
    take: Literal["First", "Last"] = "Last"
    """Which event of the burst the action is about."""

    @property
    def most_ms(self) -> int:
        """The longest time that a burst puts its action off."""
        return self.max_wait_ms or min(_TIMES * self.quiet_ms, _LONGEST_MS)


class RateLimit(Part):
    """How many actions may begin in a time."""

    count: Annotated[int, Field(ge=1, le=1_000_000)]
    """How many, from 1 to 1000000."""
    per_ms: Annotated[int, Span("1s", "1d")]
    """In which time, from 1s to 1d, such as `1m`."""
    over: Literal["Drop", "Delay"] = "Drop"
    """What becomes of events beyond it: Drop leaves them out and counts them, Delay lets them wait their turn."""
