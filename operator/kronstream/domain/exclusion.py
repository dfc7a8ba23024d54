"""What a schedule leaves out: dates, ranges of dates, and the times of a cron expression, in the job's zone.

An exclusion is judged by what the zone's clock shows at the instant of a run: both passes of a repeated hour are
excluded, a day of 23 or 25 hours from its first second to its last, and a day that the zone skips takes nothing with
it.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Protocol

from kronstream.domain import cron, zone
from kronstream.domain.cron import Cron
from kronstream.domain.schedule import Schedule, counted, said
from kronstream.domain.zone import DAY, Zone

# how many excluded stretches one search passes over before it says that nothing is left
STRETCHES = 1_500

_UNIX = date(1970, 1, 1).toordinal()
_DATES = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:/([0-9]{4}-[0-9]{2}-[0-9]{2}))?")
_INSTEAD = "write a date like 2026-12-24, a range like 2026-12-24/2027-01-02, or a cron expression"


class Exclusion(Protocol):
    """Times of a clock, in seconds since 1970, that are left out."""

    def end(self, wall: int) -> int | None:
        """Until when the stretch goes that holds the time; None when the time is not excluded."""
        ...


class Days:
    """Ranges of days, the first and the last included, numbered from 1970."""

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        self._ranges: list[tuple[int, int]] = []
        for first, last in sorted(ranges):
            if self._ranges and first <= self._ranges[-1][1] + 1:
                begin, end = self._ranges.pop()
                self._ranges.append((begin, max(end, last)))
            else:
                self._ranges.append((first, last))

    def end(self, wall: int) -> int | None:
        """See Exclusion."""
        day = wall // DAY
        index = bisect_right(self._ranges, day, key=lambda days: days[0]) - 1
        return (self._ranges[index][1] + 1) * DAY if index >= 0 and day <= self._ranges[index][1] else None


class Times:
    """The times of a cron expression: all of a matching minute with five fields, of a second with six."""

    def __init__(self, expression: Cron) -> None:
        self._cron = expression
        self._unit = 1 if expression.seconds else 60
        self._free = (0, 0)  # a stretch that is known to be left alone

    def end(self, wall: int) -> int | None:
        """See Exclusion."""
        begin, end = self._free
        if begin <= wall < end:
            return None
        floor = wall - wall % self._unit
        found = self._cron.next_second(floor - 1)
        if found == floor:
            return self._cron.until(wall)
        self._free = (floor, floor + self._unit if found is None else found)
        return None


@dataclass(frozen=True, slots=True)
class Excluding:
    """The instants of another schedule that no exclusion covers on the clock of the zone."""

    inner: Schedule
    exclusions: Sequence[Exclusion]
    zone: Zone

    @property
    def granule(self) -> int:
        """See Schedule."""
        return self.inner.granule

    def after(self, instant: int) -> int | None:
        """See Schedule; None also when ``STRETCHES`` excluded stretches follow each other."""
        found, excluded = self._search(instant)
        return None if excluded else found

    def count(self, after: int, until: int, limit: int) -> tuple[int, bool]:
        """See Schedule."""
        return counted(self, after, until, limit)

    def why_none(self, after: int) -> str:
        """See Schedule."""
        if self.inner.after(after) is None:
            return self.inner.why_none(after)
        last, excluded = self._search(after)
        until = f"from {said(after)} to {said(last)}" if excluded and last is not None else "that is left"
        return f"every instant {until} is excluded"

    def _search(self, instant: int) -> tuple[int | None, bool]:
        """The first instant that is not excluded, or the last one looked at and True."""
        at, steps = self.inner.after(instant), 2 * STRETCHES
        while at is not None and (end := self._end(at)) is not None:
            # a stretch that touches another goes on in it
            while steps > 1 and (further := self._end(end)) is not None:
                end, steps = further, steps - 1
            at, steps = self.inner.after(end - 1), steps - 2
            if steps <= 0:
                break
        return at, at is not None and steps <= 0

    def _end(self, instant: int) -> int | None:
        """The end of an excluded stretch that holds the instant, at most where the clock changes."""
        second = instant // 1000
        span = self.zone.span(second)
        wall = second + span.offset
        end = next((end for one in self.exclusions if (end := one.end(wall)) is not None), None)
        return None if end is None else min(end - span.offset, span.end) * 1000


def excluding(inner: Schedule, texts: Sequence[str], name: str) -> Excluding:
    """The schedule without what the texts say, in the zone of that name; raises ValueError as ``parse`` does."""
    return Excluding(inner, _exclusions(tuple(texts)), zone.load(name))


def holding(texts: Sequence[str], name: str, instant: int) -> str | None:
    """The first of the texts that excludes an instant, None when none does; raises ValueError as ``parse`` does."""
    second = instant // 1000
    wall = second + zone.load(name).offset(second)
    return next((text for text in texts if any(one.end(wall) is not None for one in _exclusions((text,)))), None)


def parse(text: str) -> tuple[int, int] | Cron:
    """The days, or the cron expression on a clock without a zone; raises ValueError with what to write instead."""
    if not re.fullmatch(r"[0-9][0-9TZ:./-]*", text.strip()):
        return cron.parse(text)
    found = _DATES.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text[:60]!r} is not a date; {_INSTEAD}")
    try:
        first, last = (date.fromisoformat(one).toordinal() - _UNIX for one in (found[1], found[2] or found[1]))
    except ValueError:
        raise ValueError(f"{text!r} has a day that no calendar has; {_INSTEAD}") from None
    if last < first:
        raise ValueError(f"{text!r} ends before it begins; write {found[2]}/{found[1]}")
    return first, last


@lru_cache(maxsize=4_096)
def _exclusions(texts: tuple[str, ...]) -> tuple[Exclusion, ...]:
    parsed = [parse(text) for text in texts]
    days = [one for one in parsed if not isinstance(one, Cron)]
    times = tuple(Times(one) for one in parsed if isinstance(one, Cron))
    return (Days(days), *times) if days else times
