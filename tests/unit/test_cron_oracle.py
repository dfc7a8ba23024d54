"""Cron against an oracle that knows nothing of transitions: it walks UTC minute by minute and looks at the clock."""

import calendar
from datetime import UTC, datetime, timedelta
from importlib import resources
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
import tzdata
from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain import cron

ZONES = [
    "America/New_York",
    "America/Havana",  # changes at midnight
    "Europe/Berlin",
    "Europe/Dublin",  # winter time is the exception
    "Africa/Casablanca",  # changes around Ramadan
    "Australia/Lord_Howe",  # by half an hour
    "Pacific/Chatham",  # at 02:45, 12:45 ahead
    "Antarctica/Troll",  # by two hours
    "Asia/Kathmandu",  # never
]
EXPRESSIONS = [
    "* * * * *",
    "*/7 * * * *",
    "0 * * * *",
    "30 2 * * *",
    "0 0 * * *",
    "15,45 1-3 * * *",
    "*/20 */2 * * *",
    "59 23 * * *",
    "30 1 * 3,4,10,11 SUN",
    "10 2 1-15 * 0",
    "0 */1 * * *",
    "5 * 8 * *",
]
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
NAMES = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
NAMES |= {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))}


def numbers(field: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("", "", "") if span == "*" else span.partition("-")
        begin = low if not first else NAMES.get(first) or int(first if first not in NAMES else 0)
        end = high if not first else begin if not last else NAMES.get(last) or int(last)
        found |= set(range(begin, end + 1, int(step or 1)))
    return found


class Oracle:
    """Matches a wall clock, field by field."""

    def __init__(self, expression: str) -> None:
        fields = expression.split()
        self.minutes, self.hours, self.days, self.months, self.weekdays = (
            numbers(field, *bounds) for field, bounds in zip(fields, RANGES, strict=True)
        )
        self.any_day, self.any_weekday = fields[2] == "*", fields[4] == "*"
        self.elapsed = fields[1] == "*"

    def matches(self, wall: datetime) -> bool:
        if wall.minute not in self.minutes or wall.hour not in self.hours or wall.month not in self.months:
            return False
        day = wall.day in self.days
        weekday = bool({wall.isoweekday() % 7, wall.isoweekday()} & self.weekdays)
        if self.any_day or self.any_weekday:
            return (self.any_day or day) and (self.any_weekday or weekday)
        return day or weekday

    def due(self, before: datetime, wall: datetime) -> bool:
        """Whether the minute is due whose wall clock is ``wall``, after a minute that read ``before``."""
        if self.elapsed:
            return self.matches(wall)
        if wall.fold == 0 and self.matches(wall):
            return True
        lost = int((wall.replace(tzinfo=None) - before.replace(tzinfo=None)) / timedelta(minutes=1)) - 1
        return any(self.matches(before.replace(tzinfo=None) + timedelta(minutes=n + 1)) for n in range(lost))


def info(zone: str) -> ZoneInfo:
    with resources.files(tzdata).joinpath("zoneinfo", *zone.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file)


def windows(zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """Spans of two days and a half around each change of 2026, and one without any."""
    days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number) for number in range(366)]
    changes = [
        day for day, after in pairwise(days) if day.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset()
    ]
    return [
        (day - timedelta(hours=20), day + timedelta(hours=40)) for day in [datetime(2026, 7, 14, tzinfo=UTC), *changes]
    ]


@pytest.mark.parametrize("zone", ZONES)
def test_every_minute_agrees_with_the_wall_clock(zone: str) -> None:
    info_, minute = info(zone), timedelta(minutes=1)
    spans = windows(info_)
    assert (len(spans) > 1) == (zone != "Asia/Kathmandu")
    parsed = [(Oracle(text), cron.parse(text, zone)) for text in EXPRESSIONS]
    for begin, end in spans:
        moments = [begin + minute * number for number in range(int((end - begin) / minute))]
        walls = [moment.astimezone(info_) for moment in moments]
        for oracle, schedule in parsed:
            expected = [
                int(moments[number].timestamp()) * 1000
                for number in range(1, len(moments))
                if oracle.due(walls[number - 1], walls[number])
            ]
            found, at = [], schedule.after(int(begin.timestamp()) * 1000)
            while at is not None and at < int(end.timestamp()) * 1000:
                found.append(at)
                at = schedule.after(at)
            assert found == expected, (schedule.expression, zone, begin)


def part(low: int, high: int) -> st.SearchStrategy[str]:
    pairs = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted)
    single = st.integers(low, high).map(str)
    span = pairs.map(lambda pair: f"{pair[0]}-{pair[1]}")
    stepped = st.tuples(st.just("*") | span, st.integers(1, high)).map(lambda both: f"{both[0]}/{both[1]}")
    return st.just("*") | single | span | stepped


def field(low: int, high: int) -> st.SearchStrategy[str]:
    return st.just("*") | st.lists(part(low, high).filter(lambda text: text != "*"), min_size=1, max_size=3).map(
        ",".join
    )


expressions = st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)).map(" ".join)


@given(expressions, st.integers(1_700_000_000, 1_900_000_000), st.sampled_from(["UTC", "Asia/Kathmandu"]))
def test_the_next_instant_is_the_first_that_matches(expression: str, second: int, zone: str) -> None:
    fields = expression.split()
    oracle, info_ = Oracle(expression), info(zone)
    # what a step in a day field means together with another day field is said nowhere: one of them alone
    if fields[2] != "*" and fields[4] != "*" and ("*" in fields[2] or "*" in fields[4]):
        return
    found = cron.parse(expression, zone).after(second * 1000)
    assert found is not None
    assert found > second * 1000
    assert found % 60_000 == 0
    assert oracle.matches(datetime.fromtimestamp(found // 1000, info_))
    for at in range(second // 60 * 60 + 60, min(found // 1000, second + 3 * 86_400), 60):
        assert not oracle.matches(datetime.fromtimestamp(at, info_))
