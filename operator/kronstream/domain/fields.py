"""The fields of a cron expression: what may stand in each, and the values it means.

croniter says which values a field means, and what it does not know is refused here. What it reads wrongly is put to it
in other words: a range from a value to itself (3-3, which it takes for the whole field) and a range over the end with
a step (22-4/3, where it loses count).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from croniter import croniter

from kronstream.domain.wall import LAST, Days, Wall

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_PART = re.compile(r"(?:\*|([0-9]+|[A-Z]+)(?:-([0-9]+|[A-Z]+))?)(?:/([0-9]+))?")
_NEAREST = re.compile(r"([0-9]+)W|W([0-9]+)")
_NTH = re.compile(r"([0-9]+|[A-Z]+)(?:-([A-Z]+))?#([0-9]+)")
_LAST_WEEKDAY = re.compile(r"L([0-9]+)")
_LAST_ELSEWHERE = re.compile(rf"([0-7]|{'|'.join(WEEKDAYS)})L")
# more digits than this are out of range everywhere
_DIGITS = 9
# and of longer texts a message shows the beginning
_SHOWN = 120


@dataclass(frozen=True, eq=False)
class Field:
    """One place of an expression: its lowest and highest value, names for values, and what to write in it."""

    name: str
    low: int
    high: int
    names: dict[str, int]
    allowed: str

    @property
    def size(self) -> int:
        """How many values there are: 7 is Sunday once more."""
        return 7 if self is WEEKDAY else self.high - self.low + 1

    def number(self, text: str) -> int:
        """A number or a name as a number; raises ValueError for what is neither or out of range."""
        number = self.names.get(text, _integer(text) if text.isdecimal() else None)
        if number is None:
            raise ValueError(f"{quoted(text)} is not known; write {self.allowed}")
        if not self.low <= number <= self.high:
            raise ValueError(f"{quoted(text)} is not between {self.low} and {self.high}; write {self.allowed}")
        return number

    def step(self, text: str | None) -> int:
        """A step; raises ValueError for 0."""
        number = 1 if text is None else _integer(text)
        if number == 0:
            raise ValueError(f"a step of 0 goes nowhere; write {self.allowed}")
        return number


SECOND = Field("second", 0, 59, {}, "0-59, lists, ranges or steps such as */5")
MINUTE = Field("minute", 0, 59, {}, "0-59, lists, ranges or steps such as */5")
HOUR = Field("hour", 0, 23, {}, "0-23, lists, ranges or steps such as */2")
DAY = Field("day of month", 1, 31, {}, "1-31, lists, ranges, steps, L for the last day or 15W for the nearest weekday")
MONTH = Field(
    "month",
    1,
    12,
    {name: number for number, name in enumerate(MONTHS, 1)},
    "1-12 or JAN-DEC, lists, ranges or steps",
)
WEEKDAY = Field(
    "day of week",
    0,
    7,
    {name: number for number, name in enumerate(WEEKDAYS)},
    "0-7 (0 and 7 are Sunday) or SUN-SAT, lists, ranges, steps, 5#2 for the second Friday or L5 for the last",
)
FIVE = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)
SIX = (SECOND, *FIVE)


def read(field: Field, text: str) -> str:
    """The field in the words that croniter reads rightly; raises ValueError with the fault and what to write."""
    if text == "?" and field in {DAY, WEEKDAY}:
        return "*"
    parts = text.upper().split(",")
    if "" in parts:
        instead = ",".join(filter(None, text.split(","))) or "*"
        raise ValueError(f"a value is missing beside a comma; write {quoted(instead)}")
    if field is DAY:
        return ",".join(map(partial(_day, len(parts)), parts))
    if field is WEEKDAY:
        return ",".join(_weekdays(parts))
    return ",".join(_range(field, part) for part in parts)


def wall(fields: list[str], words: list[str]) -> Wall:
    """The times that six fields (as written, and as ``read`` gives them) match, as croniter reads them."""
    lists, nth = croniter.expand(" ".join(words), second_at_beginning=True)
    # croniter moves the seconds to the end; its `*` is every value
    minutes, hours, days, months, weekdays, seconds = (
        _mask(range(field.low, field.low + field.size) if "*" in found else (each for each in found if each != "l"))
        for field, found in zip((*FIVE, SECOND), lists, strict=True)
    )
    nearest = _NEAREST.fullmatch(words[3])
    return Wall(
        seconds,
        minutes,
        hours,
        months,
        Days(
            days=0 if nearest else days,
            last="l" in lists[2],
            nearest=int(nearest[1] or nearest[2]) if nearest else None,
            weekdays=0 if nth else weekdays,
            nth=tuple((day, LAST if each == "l" else each) for day, found in nth.items() for each in found),
            # as Vixie's cron has it: a field that begins with * (*/2 too) restricts nothing by itself
            either=fields[3][0] not in "*?" and fields[5][0] not in "*?",
        ),
    )


def _range(field: Field, part: str) -> str:
    """A star, value or range, each perhaps with a step, in numbers."""
    match = _PART.fullmatch(part)
    if match is None or not (match[1] is None or match[1].isdecimal() or match[1] in field.names):
        raise ValueError(_unknown(field, part))
    first, last, step = match[1], match[2], field.step(match[3])
    by = f"/{step}" if match[3] else ""
    if first is None:
        return f"*{by}"
    low = field.number(first)
    if last is None:
        return f"{low}{by}"
    high = field.high if last == "L" and field is DAY else field.number(last)
    if low == high:
        return str(low)
    if field is WEEKDAY and low == 7:
        low = 0
    if low == high or (high < low and step > 1):
        return ",".join(map(str, _around(field, low, high, step)))
    return f"{low}-{high}{by}"


def _around(field: Field, low: int, high: int, step: int) -> Iterable[int]:
    """The values of a range that may go over the end of its field."""
    end = high if low <= high else high + field.size
    return ((value - field.low) % field.size + field.low for value in range(low, end + 1, step))


def _day(number: int, part: str) -> str:
    """A part of the day of month, one of ``number``."""
    if part == "L":
        return part
    if nearest := _NEAREST.fullmatch(part):
        day = DAY.number(nearest[1] or nearest[2])
        if number > 1:
            raise ValueError(f"{quoted(part)} must stand alone, not in a list; write it as a schedule of its own")
        return f"{day}W"
    return _range(DAY, part)


def _weekdays(parts: list[str]) -> list[str]:
    """The parts of the day of week: all of them days, or all of them 5#2 and L5."""
    found, special = [], 0
    for part in parts:
        if nth := _NTH.fullmatch(part):
            low, number = WEEKDAY.number(nth[1]), _integer(nth[3])
            high = low if nth[2] is None else WEEKDAY.number(nth[2])
            if not 1 <= number <= 5:
                raise ValueError(f"{quoted(part)}: no month has that one; write a number from 1 to 5 after #")
            found += [f"{day}#{number}" for day in _around(WEEKDAY, low, high, 1)]
        elif last := _LAST_WEEKDAY.fullmatch(part):
            found.append(f"L{WEEKDAY.number(last[1])}")
        else:
            found.append(_range(WEEKDAY, part))
            continue
        special += 1
    if special not in {0, len(parts)}:
        raise ValueError("days with # or L do not mix with others in one list; write two schedules")
    return found


def _unknown(field: Field, part: str) -> str:
    """What is wrong with a part that is none of the forms, as far as it can be guessed, and what to write."""
    shown = quoted(part)
    if part.startswith("H"):
        return f"{shown} stands for a number made from the job's name, and there is none here; write the number"
    if part.startswith("R"):
        return f"{shown} would be another time with every reader; write H, which stays the same for a job"
    if field is DAY and part.startswith("L"):
        instead = "31W for the last weekday of the month" if part == "LW" else "L for the last day, or days such as 28"
        return f"{shown} is not supported; write {instead}"
    # 5L is a Friday to some and a Thursday to others
    if field is WEEKDAY and (last := _LAST_ELSEWHERE.fullmatch(part)):
        day = WEEKDAY.number(last[1])
        return f"{shown} is not supported; write L{day} for the last {WEEKDAYS[day % 7]} of the month"
    if field is WEEKDAY and part.startswith("L"):
        return f"{shown} does not say which day; write L5 for the last Friday, SAT for every Saturday"
    return f"{shown} is not understood; write {field.allowed}"


def _mask(values: Iterable[int]) -> int:
    return sum(1 << value for value in set(values))


def _integer(text: str) -> int:
    return int(text) if len(text.lstrip("0")) <= _DIGITS else 10**_DIGITS


def quoted(text: str) -> str:
    """In quotes, the beginning alone when it is long."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
