"""When a cron expression runs, found by looking at the clock on the wall minute by minute: the judge of the engine.

It shares nothing with the engine or its libraries: no transition is computed, no field is skipped over. The
definition it holds the engine to, in a user's words:

An expression names *wall times*: every date and time of day at which all its fields match. A *fixed* expression (any
whose hour field is not exactly ``*``) runs once for every wall time it names:
- a wall time that the zone's clock shows once: then;
- one that it shows twice: the first time (``repeat: First``) or every time (``Both``);
- one that it never shows: at the first instant after the clock jumped over it (``gap: RunAfter``), or not (``Skip``).
Wall times that fall on the same instant that way are one run, also with one that is named for that instant itself.
An *elapsed* expression (hour field exactly ``*``) runs whenever the clock shows a wall time that it names, however
often, and never otherwise; gap and repeat do not touch it.

What the text above leaves to be said:
- The length of the change plays no part. Where half an hour comes twice (Lord Howe), the wall times of that half hour
  exist twice and the other half's once. After 15 minutes' change (Kathmandu) the first instant after is 00:15, no hour.
- A date that never was (Apia, 30 December 2011) is a gap of 24 hours: all that was named for it is one run at 00:00 of
  the day that came instead. An elapsed expression leaves the date out.
- A wall time jumped over but shown before or after by another change exists: it runs when it is shown, not after the
  gap. One that is jumped over several times runs after the first jump. (No zone has that since 1970.)
- The clock may go back over midnight (Cairo, Havana): 23:30 of the same date comes twice, weekday and day of month are
  those that the wall shows. It may jump over midnight: what was named for 00:00 of that date runs when the date begins.
- Where seconds are part of an offset (Monrovia until 1972), the first instant after the gap has seconds too.
- Day of month and day of week: either matches when both are restricted. As in cron (crontab(5), Debian, cronie) a field
  that begins with ``*`` is no restriction, and then both must match: ``*/2 * 1`` is the Mondays on odd days, and
  ``1-31 * 1`` is every day. (CronJob and croniter take ``*/2`` for a restriction.)
- ``5/15`` begins at 5 and goes to the field's end; ``22-2`` goes over the end, steps counted through (``23-3/2`` is 23,
  1, 3); ``3-3`` is 3; 7 is Sunday; ``15W`` is the working day nearest to the 15th in its month; ``L5`` the last Friday.
"""

import calendar
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from zoneinfo import ZoneInfo

import tzdata

DAY = 86_400
EPOCH = date(1970, 1, 1)
MONTHS = {date(2026, number, 1).strftime("%b").upper(): str(number) for number in range(1, 13)}
WEEKDAYS = {date(2026, 2, number + 1).strftime("%a").upper(): str(number) for number in range(7)}
MACROS = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *"}


@lru_cache
def zoneinfo(name: str) -> ZoneInfo:
    """The zone in the tz database that the package depends on, whatever the machine has."""
    with resources.files(tzdata).joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def numbers(text: str, low: int, high: int) -> set[int]:
    """What one part of a field without letters names, within low..high; high + 1 is low again for weekdays (7)."""
    span, slash, step = text.partition("/")
    if span in {"*", "?"}:
        first, last = low, high
    elif "-" in span:
        first, last = map(int, span.split("-"))
    else:
        first = int(span)
        last = high if slash else first
    size = high - low + 1
    if last < first:
        last += size
    return {(value - low) % size + low for value in range(first, last + 1, int(step or 1))}


def spelled(text: str, names: dict[str, str]) -> list[str]:
    """The parts of a field, names replaced by their numbers."""
    for name, number in names.items():
        text = text.upper().replace(name, number)
    return text.split(",")


def length(day: date) -> int:
    """How many days the date's month has."""
    return calendar.monthrange(day.year, day.month)[1]


def day_of_month(part: str) -> Callable[[date], bool]:
    """Whether a date is one that a part of the day-of-month field names."""
    if part == "L":
        return lambda day: day.day == length(day)
    if part.endswith("-L"):
        return lambda day: day.day in numbers(part.replace("L", str(length(day))), 1, 31)
    if part.endswith("W"):
        return lambda day: day.day == nearest_working_day(day, int(part[:-1]))
    wanted = numbers(part, 1, 31)
    return lambda day: day.day in wanted


def nearest_working_day(month: date, number: int) -> int:
    """The day from Monday to Friday that is nearest to the numbered one (or the last) of the date's month."""
    last = length(month)
    working = [number for number in range(1, last + 1) if month.replace(day=number).isoweekday() < 6]
    return min(working, key=lambda day: abs(day - min(number, last)))


def day_of_week(part: str) -> Callable[[date], bool]:
    """Whether a date is one that a part of the day-of-week field names."""
    if part.startswith("L"):
        return lambda day: day.isoweekday() % 7 == int(part[1:]) % 7 and (day + timedelta(days=7)).month != day.month
    span, ordinal, number = part.partition("#")
    wanted = numbers(span, 0, 6)
    return lambda day: day.isoweekday() % 7 in wanted and (not ordinal or (day.day + 6) // 7 == int(number))


def clock(text: str, high: int) -> list[int]:
    """What a field of hours, minutes or seconds names, ordered."""
    return sorted(set[int]().union(*(numbers(part, 0, high) for part in text.split(","))))


class Expression:
    """The wall times that an expression of five fields, or six with seconds first, names."""

    def __init__(self, text: str) -> None:
        fields = MACROS.get(text, text).split()
        self.seconds = len(fields) == 6
        second, minute, hour, self._dom, self._month, self._dow = fields if self.seconds else ["0", *fields]
        self.elapsed = hour == "*"
        self._months = set[int]().union(*(numbers(part, 1, 12) for part in spelled(self._month, MONTHS)))
        self._days = [day_of_month(part) for part in self._dom.upper().split(",")]
        self._weekdays = [day_of_week(part) for part in spelled(self._dow, WEEKDAYS)]
        self._times = [
            hours * 3600 + minutes * 60 + seconds
            for hours in clock(hour, 23)
            for minutes in clock(minute, 59)
            for seconds in clock(second, 59)
        ]

    def names(self, day: date) -> bool:
        """Whether the date is one of the expression's."""
        if day.month not in self._months:
            return False
        of_month = any(matches(day) for matches in self._days)
        of_week = any(matches(day) for matches in self._weekdays)
        if self._dom.startswith(("*", "?")) or self._dow.startswith(("*", "?")):
            return of_month and of_week
        return of_month or of_week

    def walls(self, first: int, last: int) -> Iterator[int]:
        """Every wall time in first..last that is named, as seconds since 1970 on the wall."""
        for number in range(first // DAY, last // DAY + 1):
            if self.names(EPOCH + timedelta(days=number)):
                yield from (number * DAY + time for time in self._times if first <= number * DAY + time <= last)


@dataclass
class Walk:
    """What the wall clock of a zone showed at every tick of a stretch of UTC; all in seconds since 1970."""

    shown: dict[int, list[int]] = field(default_factory=dict)  # wall time → the instants at which it was shown
    jumped: dict[int, int] = field(default_factory=dict)  # wall time never shown → the first instant after the jump

    def due(self, expression: Expression, gap: str, repeat: str) -> list[int]:
        """The instants at which the expression runs, ordered; see the definition above."""
        found: set[int] = set()
        for wall in expression.walls(min(self.shown), max(self.shown)):
            if instants := self.shown.get(wall):
                found.update(instants if expression.elapsed or repeat == "Both" else instants[:1])
            elif not expression.elapsed and gap == "RunAfter":
                found.add(self.jumped[wall])
        return sorted(found)


def walk(zone: ZoneInfo, begin: int, end: int, tick: int) -> Walk:
    """Walks from begin until end (UTC seconds), ``tick`` seconds a step."""
    seen, instants, walls = Walk(), range(begin, end, tick), []
    for instant in instants:
        clock = datetime.fromtimestamp(instant, zone)
        walls.append(calendar.timegm(clock.timetuple()))
        seen.shown.setdefault(walls[-1], []).append(instant)
    for (before, wall), instant in zip(pairwise(walls), instants[1:], strict=True):
        for jumped in range(before + tick, wall, tick):
            if jumped not in seen.shown:
                seen.jumped.setdefault(jumped, instant)
    return seen


def changes(zone: ZoneInfo, year: int) -> list[int]:
    """The hours of a year (UTC seconds) that begin with another distance from UTC than they end."""
    start, end = (int(datetime(number, 1, 1, tzinfo=UTC).timestamp()) for number in (year, year + 1))
    hours = range(start, end + 1, 3600)
    distances = [datetime.fromtimestamp(hour, zone).utcoffset() for hour in hours]
    return [hour for hour, (one, other) in zip(hours, pairwise(distances), strict=False) if one != other]
