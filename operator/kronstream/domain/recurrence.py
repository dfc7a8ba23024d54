"""Recurrence rules (RFC 5545) in a time zone.

A rule speaks of the zone's clock; on the days when it changes, the times of a rule are treated as those of a cron
expression with a fixed time of day. COUNT counts the times of the clock, with those that a gap or an EXDATE takes.
"""

from bisect import bisect_left
from functools import cached_property, lru_cache

from kronstream.domain import dst, ruletext, zone
from kronstream.domain.dst import Gap, Repeat
from kronstream.domain.occurrences import Occurrences
from kronstream.domain.ruletext import DAY, Lines
from kronstream.domain.schedule import counted, said
from kronstream.domain.zone import Zone


class Recurrence:
    """The instants of a rule. Equal texts give the same object (see ``parse``), so next runs are shared."""

    def __init__(self, lines: Lines, start: int, place: Zone, gap: Gap, repeat: Repeat) -> None:
        self.zone = place
        self._lines = lines
        self._start = start
        self._gap: Gap = gap
        self._repeat: Repeat = repeat
        self._occurrences = Occurrences(lines.rule, start)

    @property
    def text(self) -> str:
        """The rule as people read it, in one line."""
        return self._lines.text.replace("\n", " ")

    @property
    def granule(self) -> int:
        """See Schedule."""
        return 60_000 if self._occurrences.whole_minutes and not any(at % 60 for at in self._lines.added) else 1_000

    def after(self, instant: int) -> int | None:
        """See Schedule."""
        return _after(self, instant // 1000)

    def next_second(self, second: int) -> int | None:
        """As ``after``, in seconds and not memoised."""
        return dst.following(self, self.zone, second, self._gap, self._repeat)

    def count(self, after: int, until: int, limit: int) -> tuple[int, bool]:
        """See Schedule."""
        return counted(self, after, until, limit)

    def following(self, wall: int) -> int | None:
        """The first time of the zone's clock at or after the given one (seconds since 1970); None without any."""
        excluded, days = self._lines.excluded, self._lines.days
        found = self._listed(wall)
        while found is not None and (found in excluded or found // DAY in days):
            found = self._listed((found // DAY + 1) * DAY if found // DAY in days else found + 1)
        return found

    def why_none(self, after: int) -> str:
        """See Schedule."""
        rule, last = self._lines.rule, self._last
        clock = after // 1000 + self.zone.offset(after // 1000)
        if self._occurrences.following(self._start) is None:
            return f"the rule never comes: no date within 100 years matches {rule.text[:200]}"
        following = self._occurrences.following(clock + 1)
        if last is not None and (following is None or following > last):
            limit = f"UNTIL={rule.until}" if rule.count is None else f"COUNT={rule.count}"
            return f"the rule has ended: {limit} allows nothing after {ruletext.render(last)} in {self.zone.name}"
        if following is None:
            return f"the rule has no date within 100 years of {said(after)}"
        return "every time that the rule has left is excluded by its EXDATE, or left out as a time that does not exist"

    def _listed(self, wall: int) -> int | None:
        """As ``following``, before EXDATE."""
        added = self._lines.added
        index = bisect_left(added, wall)
        dates = added[index : index + 1]
        found = self._occurrences.following(wall) if self._last is None or wall <= self._last else None
        if found is not None and (self._last is None or found <= self._last):
            return min([found, *dates])
        return dates[0] if dates else None

    @cached_property
    def _last(self) -> int | None:
        """The last time that COUNT or UNTIL allows, None without a limit."""
        count = self._lines.rule.count
        return self._lines.last if count is None else self._occurrences.nth(count)


@lru_cache(maxsize=32_768)
def _after(recurrence: Recurrence, second: int) -> int | None:
    found = recurrence.next_second(second)
    return None if found is None else found * 1000


@lru_cache(maxsize=4_096)
def parse(text: str, start: str, name: str, gap: Gap = "RunAfter", repeat: Repeat = "First") -> Recurrence:
    """The rule of a text as ``anchored`` gives it; ``start`` stands for a DTSTART that the text does not have.

    Raises ValueError with what is wrong and what to write; for the zone's name, too.
    """
    place = zone.load(name)
    lines = ruletext.read(text, place)
    return Recurrence(lines, ruletext.parse(start) if lines.start is None else lines.start, place, gap, repeat)


def anchored(text: str, name: str, created: int) -> tuple[str, str]:
    """The normalised text without its DTSTART, and the start: DTSTART, else the first whole minute after ``created``.

    A rule that says an hour and no minute, and has no DTSTART, means the full hour. Raises ValueError as ``parse``.
    """
    place = zone.load(name)
    lines = ruletext.read(text, place)
    if lines.start is not None:
        return lines.text, ruletext.render(lines.start)
    second = (created // 60_000 + 1) * 60
    if lines.rule.hours and not lines.rule.minutes:
        lines = ruletext.read(lines.text.replace(lines.rule.text, f"{lines.rule.text};BYMINUTE=0", 1), place)
    return lines.text, ruletext.render(second + place.offset(second))
