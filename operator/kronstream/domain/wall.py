"""Wall-clock times that match sets of values: seconds since 1970 on a clock that knows no zone."""

from datetime import date
from typing import NamedTuple

DAY = 86_400
LAST = -1
_UNIX = date(1970, 1, 1).toordinal()
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SEVENTHS = sum(1 << 7 * week for week in range(5))
_SIXTY = (1 << 60) - 1
# 9990-01-01: dates end soon after
_END = 253_086_681_600


class Days(NamedTuple):
    """Which days of a month match; sets of days are masks, day n as bit n.

    ``days`` are days of the month and ``last`` is its last one; ``nearest`` is the day whose nearest Monday to Friday
    is meant; ``weekdays`` are 0-6 from Sunday; ``nth`` are (weekday, 1-5 or LAST). With ``either`` one of the two
    sides is enough, else a day must match both.
    """

    days: int
    last: bool
    nearest: int | None
    weekdays: int
    nth: tuple[tuple[int, int], ...]
    either: bool

    def mask(self, length: int, first: int) -> int:
        """The matching days of a month of that length whose first day is that weekday."""
        whole = (2 << length) - 2
        of_month = self.days | self.last << length
        if self.nearest is not None:
            of_month |= 1 << _nearest(self.nearest, length, first)
        of_week = 0
        for weekday in range(7):
            if self.weekdays >> weekday & 1:
                of_week |= _SEVENTHS << _first(weekday, first)
        for weekday, number in self.nth:
            begin = _first(weekday, first)
            of_week |= 1 << begin + 7 * ((length - begin) // 7 if number == LAST else number - 1)
        return (of_month | of_week if self.either else of_month & of_week) & whole


class Wall:
    """Seconds, minutes, hours, months (masks) and days that match; finds the next such second.

    ``never``: no day of any year matches; every kind of month comes within 40 years.
    """

    __slots__ = ("_days", "_earliest", "_hours", "_known", "_minutes", "_months", "_seconds", "never")

    def __init__(self, seconds: int, minutes: int, hours: int, months: int, days: Days) -> None:
        self._seconds, self._minutes, self._hours, self._months = seconds, minutes, hours, months
        self._days = days
        self._known: dict[int, int] = {}
        self._earliest = _lowest(hours) * 3600 + _lowest(minutes) * 60 + _lowest(seconds)
        lengths = {_LENGTHS[month - 1] for month in range(1, 13) if months >> month & 1}
        if 28 in lengths:
            lengths.add(29)
        self.never = not any(self._month(length, first) for length in lengths for first in range(7))

    def following(self, wall: int) -> int | None:
        """The first matching second at or after the given one; None when there is none, or dates end."""
        if self.never or wall >= _END:
            return None
        number, second = divmod(wall, DAY)
        ordinal = number + _UNIX
        day = date.fromordinal(ordinal)
        year, month, begin = day.year, day.month, ordinal - day.day
        later = -2 << day.day
        length = _length(year, month)
        if self._months >> month & 1:
            days = self._month(length, (begin + 1) % 7)
            if days >> day.day & 1 and (time := self._time(second)) is not None:
                return number * DAY + time
            if days & later:
                return (begin + _lowest(days & later) - _UNIX) * DAY + self._earliest
        # every kind of month comes within 40 years, and one of those that match is known to
        while True:
            begin += length
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
            length = _length(year, month)
            if self._months >> month & 1 and (days := self._month(length, (begin + 1) % 7)):
                return (begin + _lowest(days) - _UNIX) * DAY + self._earliest

    def until(self, wall: int, *, whole: bool) -> int:
        """The first second after a matching one that does not match, the end of the day at the latest.

        ``whole``: every second of a matching minute matches.
        """
        begin, time = wall - wall % DAY, wall % DAY // 60
        seconds = _SIXTY if whole else self._seconds
        if free := ~seconds & _SIXTY & -1 << wall % 60:
            return begin + time * 60 + _lowest(free)
        time += 1
        while time < DAY // 60:
            hour, minute = divmod(time, 60)
            if not (self._hours >> hour & 1 and self._minutes >> minute & 1):
                break
            if seconds != _SIXTY:
                return begin + time * 60 + _lowest(~seconds & _SIXTY)
            free = ~self._minutes & _SIXTY & -1 << minute
            time = hour * 60 + (_lowest(free) if free else 60)
        return begin + time * 60

    def _month(self, length: int, first: int) -> int:
        """The mask of a kind of month; there are 28 kinds."""
        kind = length * 7 + first
        if (found := self._known.get(kind)) is None:
            found = self._known[kind] = self._days.mask(length, first)
        return found

    def _time(self, second: int) -> int | None:
        """The first matching second of a day at or after the given one."""
        hour, rest = divmod(second, 3600)
        minute, second = divmod(rest, 60)
        if self._hours >> hour & 1:
            if self._minutes >> minute & 1 and (seconds := self._seconds >> second << second):
                return hour * 3600 + minute * 60 + _lowest(seconds)
            if minutes := self._minutes & -2 << minute:
                return hour * 3600 + _lowest(minutes) * 60 + _lowest(self._seconds)
        if hours := self._hours & -2 << hour:
            return _lowest(hours) * 3600 + _lowest(self._minutes) * 60 + _lowest(self._seconds)
        return None


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _length(year: int, month: int) -> int:
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if leap else _LENGTHS[month - 1]


def _first(weekday: int, first: int) -> int:
    """The day of the first such weekday in a month that begins with weekday ``first``."""
    return (weekday - first) % 7 + 1


def _nearest(day: int, length: int, first: int) -> int:
    """The Monday to Friday nearest to the day, within the month; a day past its end is its last, as croniter has it."""
    day = min(day, length)
    weekday = (first + day - 1) % 7
    if weekday == 6:
        return day - 1 if day > 1 else 3
    if weekday == 0:
        return day + 1 if day < length else day - 2
    return day
