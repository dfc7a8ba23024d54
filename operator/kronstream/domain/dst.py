"""What wall-clock times mean on the days when the clocks change, by whatever cause and however far.

Between two changes the clock runs evenly: such a span shows one stretch of wall-clock times. A time that a later span
shows again is a repeated one; a time that no span shows lies in a gap.
"""

from itertools import pairwise
from typing import Literal, Protocol

from kronstream.domain.wall import DAY
from kronstream.domain.zone import Span, Zone

# times that do not exist: once at the first instant after the gap, together, or not at all
Gap = Literal["RunAfter", "Skip"]
# times that exist twice: at the first pass, or at both
Repeat = Literal["First", "Both"]
# 100 years of seconds
CENTURY = 36_525 * DAY
# offsets differ by a day and two hours at most (at the date line): what lies further apart does not meet
_REACH = 2 * DAY


class Wall(Protocol):
    """Wall-clock times that match, in seconds since 1970 on a clock that knows no zone."""

    def following(self, wall: int) -> int | None:
        """The first matching second at or after the given one; None when there is none."""
        ...


def following(wall: Wall, zone: Zone, second: int, gap: Gap, repeat: Repeat) -> int | None:
    """The first due instant after ``second`` (both UTC seconds), None when a search of 100 years found none.

    ``Skip`` with ``Both`` is elapsed time: every second whose wall-clock time matches, and nothing else.
    """
    at, end = second + 1, second + CENTURY
    while at <= end:
        span = zone.span(at)
        if gap == "RunAfter" and at == span.start and _lost_one(wall, zone, span):
            return at
        found = wall.following(at + span.offset)
        if repeat == "First" and at - span.start < _REACH:
            found = _unseen(wall, zone, span, found)
        # a rule that ended may still come again where the clock goes back
        instant = end + 1 if found is None else found - span.offset
        if found is not None and instant < span.end:
            return instant
        # no later span goes back behind a long one, so no time before the one found matches: go near it at once
        at = max(span.end, instant - _REACH) if span.end - at > _REACH else span.end
    return None


def _unseen(wall: Wall, zone: Zone, span: Span, found: int | None) -> int | None:
    """The first matching time of the span from ``found`` on that no span before showed."""
    before = [_shown(earlier) for earlier in zone.spans(span.start - _REACH, span.start)]
    while found is not None and (end := _end(before, found)) is not None:
        found = wall.following(end)
    return found


def _lost_one(wall: Wall, zone: Zone, span: Span) -> bool:
    """Whether the gap before the span holds a matching time that no other span shows and no gap before it held."""
    found, end = wall.following(_shown(zone.span(span.start - 1))[1]), span.start + span.offset
    if found is None or found >= end:
        return False
    near = zone.spans(span.start - _REACH, span.start + _REACH)
    elsewhere = [_shown(other) for other in near]
    elsewhere += [(_shown(a)[1], _shown(b)[0]) for a, b in pairwise(near) if b.start < span.start]
    while found is not None and found < end:
        if (over := _end(elsewhere, found)) is None:
            return True
        found = wall.following(over)
    return False


def _shown(span: Span) -> tuple[int, int]:
    """The wall-clock times that a span shows: from the first to before the second."""
    return span.start + span.offset, span.end + span.offset


def _end(stretches: list[tuple[int, int]], wall: int) -> int | None:
    """Where the last stretch that holds the time ends, None when none holds it."""
    return max((end for begin, end in stretches if begin <= wall < end), default=None)
