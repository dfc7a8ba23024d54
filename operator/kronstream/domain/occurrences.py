"""The wall-clock times of a recurrence rule: seconds since 1970 on a clock that knows no zone.

dateutil tells which days of a year match, a year at a time, for by itself it looks on to the year 9999 where nothing
does. Intervals, times of day and positions are arithmetic on those days, so that a search begins where it is asked
to, not at the rule's start, and ends after 100 years.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cached_property
from math import gcd
from typing import Any, NamedTuple

from dateutil import rrule

from kronstream.domain.rule import Rule

DAY = 86_400
# how far a search goes without finding anything: 100 years, and this many days or periods looked at in vain
_CENTURY = 36_525
_LOOKS = 3_000
_COUNTED = 250 * 365 * DAY
_UNIX = date(1970, 1, 1).toordinal()
_END = date(9990, 1, 1).toordinal() - _UNIX
_MOST_DAYS = {"YEARLY": 366, "MONTHLY": 31, "WEEKLY": 7, "DAILY": 1}
# no second period of that length is in the calendar, so that dateutil stops after the first
_ONE_YEAR = 9_999


class Times(NamedTuple):
    """Seconds of a day: each of ``inner`` after each of ``slots``; both ascend, and no two slots overlap."""

    slots: Sequence[int]
    inner: Sequence[int]

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self.slots) * len(self.inner)

    def at(self, index: int) -> int:
        """The one of that index, from 0."""
        slot, inner = divmod(index, len(self.inner))
        return self.slots[slot] + self.inner[inner]

    def find(self, second: int) -> int:
        """The index of the first one at or after the second; ``number`` when there is none."""
        slot = max(bisect_left(self.slots, second + 1) - 1, 0)
        return slot * len(self.inner) + bisect_left(self.inner, second - self.slots[slot]) if self.number else 0


class Occurrences:
    """The times of a rule from its start on."""

    def __init__(self, rule: Rule, start: int) -> None:
        self._rule = rule
        self._start = start
        self._first = date.fromordinal(start // DAY + _UNIX)
        self._days: dict[tuple[int, bool, bool, bool], Sequence[int]] = {}
        time = start % DAY
        hours = rule.hours or (time // 3600,)
        minutes = rule.minutes or (time // 60 % 60,)
        seconds = rule.seconds or (time % 60,)
        self.whole_minutes = seconds == (0,)
        self._fine = Times([minute * 60 for minute in minutes], seconds)
        self._daily = Times([hour * 3600 for hour in hours], [self._fine.at(n) for n in range(self._fine.number)])
        self._slotted: dict[int, Times] = {}
        self._recent = (-1, self._fine)  # the first day of a period, and what BYSETPOS chose in it

    def following(self, wall: int) -> int | None:
        """The first occurrence at or after the given time; None when there is none within 100 years."""
        wall = max(wall, self._start)
        for base, times in self._blocks(wall):
            index = times.find(wall - base)
            if index < times.number:
                return base + times.at(index)
        return None

    def nth(self, number: int) -> int | None:
        """The occurrence of that number, from 1; None when it is more than 250 years after the start."""
        left, end = number, self._start + _COUNTED
        for base, times in self._blocks(self._start):
            if base + times.at(0) > end:
                return None
            index = times.find(self._start - base)
            if left <= times.number - index:
                return base + times.at(index + left - 1)
            left -= times.number - index
        return None

    def _blocks(self, wall: int) -> Iterator[tuple[int, Times]]:
        """What may hold occurrences from ``wall`` on, in order: a time, and the seconds after it."""
        search = self._slots if self._rule.frequency in {"HOURLY", "MINUTELY"} else self._periods
        return search(wall // DAY)

    def _periods(self, day: int) -> Iterator[tuple[int, Times]]:
        interval, positions = self._rule.interval, self._rule.positions
        origin = self._period(self._start // DAY)
        if positions and not _chosen(positions, _MOST_DAYS[self._rule.frequency] * self._daily.number):
            return
        day, end, looks = self._begin(self._period(day)) if positions else day, day + _CENTURY, 0
        while looks < _LOOKS and (found := self._next_day(day, end)) is not None:
            looks += 1
            period = self._period(found)
            if ahead := (origin - period) % interval:
                day = self._begin(period + ahead)
                continue
            if not positions:
                yield found * DAY, self._daily
                day, end, looks = found + 1, found + _CENTURY, 0
                continue
            day = self._begin(period + 1)
            if self._recent[0] != found:
                self._recent = found, Times((0,), self._chosen(found, day))
            if self._recent[1].number:
                yield 0, self._recent[1]
                end, looks = day + _CENTURY, 0

    def _chosen(self, first: int, end: int) -> list[int]:
        """What BYSETPOS leaves of all the times of the matching days from ``first`` to before ``end``."""
        days, number = self._between(first, end), self._daily.number
        indexes = _chosen(self._rule.positions, len(days) * number)
        return [days[index // number] * DAY + self._daily.at(index % number) for index in indexes]

    def _period(self, day: int) -> int:
        """The number of the year, month, week or day that the day is in."""
        frequency = self._rule.frequency
        if frequency == "DAILY":
            return day
        if frequency == "WEEKLY":
            return (day + _UNIX - 1 - self._rule.week_start) // 7
        at = date.fromordinal(day + _UNIX)
        return at.year if frequency == "YEARLY" else at.year * 12 + at.month - 1

    def _begin(self, period: int) -> int:
        """The first day of a period."""
        frequency = self._rule.frequency
        if frequency == "DAILY":
            return period
        if frequency == "WEEKLY":
            return period * 7 + 1 + self._rule.week_start - _UNIX
        year, month = (period, 0) if frequency == "YEARLY" else divmod(period, 12)
        return date(year, month + 1, 1).toordinal() - _UNIX if year < 9990 else _END

    def _slots(self, day: int) -> Iterator[tuple[int, Times]]:
        unit, allowed, inner = self._unit, self._allowed, self._inner
        number, interval, origin = DAY // unit, self._rule.interval, self._start // unit
        if not inner or not self._reached:
            return
        end, looks = day + _CENTURY, 0
        while looks < _LOOKS and (found := self._next_day(day, end)) is not None:
            looks += 1
            first = (origin - found * number) % interval
            if first >= number:
                day = found + first // number
                continue
            day = found + 1
            if first not in self._slotted:
                slots = [slot * unit for slot in allowed if (slot - first) % interval == 0]
                self._slotted[first] = Times(slots, inner)
            if self._slotted[first].number:
                yield found * DAY, self._slotted[first]
                end, looks = day + _CENTURY, 0

    @property
    def _unit(self) -> int:
        return 3600 if self._rule.frequency == "HOURLY" else 60

    @cached_property
    def _allowed(self) -> Sequence[int]:
        """The hours of a day, for MINUTELY the minutes of a day, that the rule allows."""
        hours = self._rule.hours or range(24)
        if self._unit == 3600:
            return hours
        return [hour * 60 + minute for hour in hours for minute in self._rule.minutes or range(60)]

    @cached_property
    def _reached(self) -> bool:
        """Whether the interval ever meets one of them."""
        step, origin = gcd(DAY // self._unit, self._rule.interval), self._start // self._unit
        return any((slot - origin) % step == 0 for slot in self._allowed)

    @cached_property
    def _inner(self) -> Sequence[int]:
        """The seconds of an hour or a minute that the rule, with its BYSETPOS, takes."""
        inner = self._daily.inner if self._unit == 3600 else self._fine.inner
        positions = self._rule.positions
        return [inner[index] for index in _chosen(positions, len(inner))] if positions else inner

    def _next_day(self, day: int, end: int) -> int | None:
        """The first day that matches, from ``day`` to before ``end``."""
        end = min(end, _END)
        while day < end:
            year = date.fromordinal(day + _UNIX).year
            begin = date(year, 1, 1).toordinal() - _UNIX
            days = self._year(year)
            index = bisect_left(days, day - begin)
            if index < len(days):
                found = begin + days[index]
                return found if found < end else None
            day = date(year + 1, 1, 1).toordinal() - _UNIX
        return None

    def _between(self, first: int, end: int) -> list[int]:
        """The days that match, from ``first`` to before ``end``."""
        found: list[int] = []
        for year in range(date.fromordinal(first + _UNIX).year, date.fromordinal(end - 1 + _UNIX).year + 1):
            begin, days = date(year, 1, 1).toordinal() - _UNIX, self._year(year)
            found += [begin + day for day in days[bisect_left(days, first - begin) : bisect_left(days, end - begin)]]
        return found

    def _year(self, year: int) -> Sequence[int]:
        """The days of a year that match, from 0. There are 28 kinds: week numbers look at the years beside it."""
        first = date(year, 1, 1)
        kind = (first.weekday(), _leap(year - 1), _leap(year), _leap(year + 1))
        if (days := self._days.get(kind)) is None:
            parts = self._day_parts()
            found = rrule.rrule(rrule.YEARLY, dtstart=first, interval=_ONE_YEAR, **parts) if parts else ()
            days = self._days[kind] = [
                one.toordinal() - first.toordinal() for one in found if self._in_weeks(one.toordinal())
            ]
        return days

    def _in_weeks(self, ordinal: int) -> bool:
        """Whether BYWEEKNO allows the day. dateutil miscounts where a year has 53 weeks, so weeks are counted here."""
        weeks, start = self._rule.weeks, self._rule.week_start
        if not weeks:
            return True
        year, number = _week(ordinal, start)
        last = _week(date(year, 12, 28).toordinal(), start)[1]
        return number in weeks or number - last - 1 in weeks

    def _day_parts(self) -> dict[str, Any]:
        """The parts that choose days, as a yearly rule; what it leaves open comes from its start. Empty: no day."""
        rule = self._rule
        months, monthdays, weekdays = rule.months, rule.monthdays, rule.weekdays
        if not rule.dated:
            if rule.frequency == "YEARLY" and not months:
                months = (self._first.month,)
            if rule.frequency in {"YEARLY", "MONTHLY"}:
                monthdays = (self._first.day,)
            elif rule.frequency == "WEEKLY":
                weekdays = ((0, self._first.weekday()),)
            else:
                weekdays = tuple((0, day) for day in range(7))
        if rule.frequency == "MONTHLY":
            months = months or tuple(range(1, 13))  # with months, an ordinal counts in the month
        ordinals = _weekdays(weekdays, 5 if months else 53)
        if weekdays and not ordinals:
            return {}
        return {
            "wkst": rule.week_start,
            "bymonth": months or None,
            "bymonthday": monthdays or None,
            "byyearday": rule.yeardays or None,
            "byweekday": ordinals or None,
            "byhour": 0,
            "byminute": 0,
            "bysecond": 0,
        }


def _chosen(positions: Sequence[int], number: int) -> list[int]:
    """The indexes of BYSETPOS among that many: 1 is the first, -1 the last; what is not there is left out."""
    found = {position - 1 if position > 0 else number + position for position in positions}
    return sorted(index for index in found if 0 <= index < number)


def _weekdays(weekdays: Sequence[tuple[int, int]], most: int) -> list[rrule.weekday]:
    """Weekdays as dateutil takes them, of a month or year that has at most that many of each.

    Beside ordinals dateutil misreads plain ones, so these get all ordinals; beyond the end of the year it fails, so
    an ordinal that never comes stays outside.
    """
    mixed = any(number for number, _ in weekdays)
    found = []
    for number, day in weekdays:
        numbers = range(1, most + 1) if mixed and not number else (number,)
        found += [rrule.weekday(day, one or None) for one in numbers if abs(one) <= most]
    return found


def _week(ordinal: int, start: int) -> tuple[int, int]:
    """The year and number of the week of a day; a week belongs to the year that holds its fourth day."""
    middle = date.fromordinal(ordinal - (ordinal - 1 - start) % 7 + 3)
    return middle.year, (middle.timetuple().tm_yday - 1) // 7 + 1


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
