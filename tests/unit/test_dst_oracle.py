"""The engine against the oracle: every zone, expression and policy, three days round every change of a year."""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain import cron
from kronstream.domain.dst import Gap, Repeat
from kronstream.domain.schedule import CronSchedule
from unit.dst_oracle import DAY, EPOCH, Expression, Walk, changes, walk, zoneinfo

POLICIES: list[tuple[Gap, Repeat]] = list(product(("RunAfter", "Skip"), ("First", "Both")))
SPAN = 3 * DAY  # compared on each side of a change
MARGIN = 2 * DAY  # walked beyond it: what began there, a skipped day at most
PLACES = [
    ("America/New_York", 2025),
    ("Europe/Berlin", 2025),
    ("Europe/Dublin", 2025),  # winter time is the exception
    ("Australia/Lord_Howe", 2025),  # half an hour
    ("America/Havana", 2025),  # at midnight
    ("Africa/Cairo", 2025),  # at midnight, and back into the day before
    ("Asia/Beirut", 2025),  # the same
    ("Asia/Gaza", 2025),  # around Ramadan
    ("Africa/Casablanca", 2025),  # around Ramadan, the other way
    ("Antarctica/Troll", 2025),  # two hours
    ("Pacific/Chatham", 2025),  # 12:45 ahead, at 02:45
    ("America/Nuuk", 2025),  # on Saturday evening
    ("America/St_Johns", 1988),  # two hours at 00:01
    ("America/Sao_Paulo", 2018),  # at midnight
    ("Asia/Tehran", 2022),  # at midnight, by the Persian calendar
    ("Asia/Pyongyang", 2018),  # half an hour at 23:30, for good
    ("America/Caracas", 2007),  # half an hour back at 03:00, for good
    ("Asia/Kathmandu", 1985),  # a quarter of an hour at New Year
    ("America/Montevideo", 1974),  # an hour and a half
    ("Antarctica/Casey", 2010),  # three hours back
    ("Antarctica/Vostok", 1994),  # seven hours back, and on
    ("Pacific/Apia", 2011),  # 30 December never was
    ("Pacific/Kwajalein", 1993),  # nor 21 August
    ("Africa/Monrovia", 1972),  # 44 minutes and 30 seconds
]
EXPRESSIONS = [
    "* * * * *",
    "*/15 * * * *",
    "5 * * * *",
    "*/40 * * * SAT,SUN",
    "30 2 * * *",
    "0 0 * * *",
    "30 1 * * *",
    "45 23 * * *",
    "59 23 * * *",
    "*/20 1-3 * * *",
    "0 */2 * * *",
    "45 */1 * * *",
    "0 0-23 * * *",
    "15,45 0,1,2 * * *",
    "0,30 22-2 * * *",
    "7/20 0-4/2 * JAN-DEC *",
    "0 3 * * SUN",
    "30 0-5 * MAR,APR,OCT,nov 0,6-7",
    "0 2 * * SUN#2",
    "0 0 * * L0",
    "0 0 L * *",
    "0 0 30 12 *",
    "20 0 31,1-15/7 * MON-FRI",
    "15 0 1-31 * MON",
    "15 2 */3 * SUN",
    "0 2 1W * *",
    "@daily",
    "@hourly",
]
WITH_SECONDS = [
    "30 30 2 * * *",
    "0 0 0 * * *",
    "*/20 59 0-2 * * *",
    "59 59 23 * * *",
    "*/30 */10 0,1,2,3 * * *",
    "*/40 */7 * * * *",
    "15 0 */1 * * SUN",
]
SECONDS_IN = [
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Cairo",
    "Antarctica/Troll",
    "Pacific/Apia",
    "Africa/Monrovia",
]
YEARS = dict(PLACES)


parsed = lru_cache(Expression)


def spoken(instants: list[int], zone: str) -> str:
    """Instants as a person reads them, on the wall and its distance from UTC."""
    info = zoneinfo(zone)
    return ", ".join(datetime.fromtimestamp(instant, info).isoformat(" ") for instant in instants[:3]) or "nothing"


def disagreement(text: str, zone: str, gap: Gap, repeat: Repeat, seen: Walk, begin: int, end: int) -> str:
    """What the engine and the oracle say differently of begin..end (UTC seconds), or an empty text."""
    engine = cron.parse(text, zone, gap, repeat)
    assert (engine.elapsed, engine.seconds) == (parsed(text).elapsed, parsed(text).seconds)
    due = seen.due(parsed(text), gap, repeat)
    expected = [instant for instant in due if begin <= instant < end]
    found, at = [], begin * 1000 - 1
    while (following := engine.after(at)) is not None and following < end * 1000:
        assert following > at, (text, zone, gap, repeat, at)
        assert following % 1000 == 0, (text, zone, gap, repeat, at)
        found.append(following // 1000)
        at = following
    what = f"{text!r} in {zone}, gap {gap}, repeat {repeat}"
    if found != expected:
        more, less = sorted(set(found) - set(expected)), sorted(set(expected) - set(found))
        return f"{what}: engine runs {spoken(more, zone)} too much and {spoken(less, zone)} too little"
    middle = (begin + end) // 2
    for start in range(max(begin, middle - 7200), min(end, middle + 7200), 660):
        answer, place = engine.after(start * 1000), bisect_right(expected, start)
        if place < len(expected) and answer != expected[place] * 1000:
            return f"{what}: after {spoken([start], zone)} comes {spoken(expected[place:][:1], zone)}, not {answer}"
    counted = CronSchedule(engine).count(begin * 1000 - 1, end * 1000 - 1, 100) if len(expected) < 100 else None
    if counted not in {None, (len(expected), True)}:
        return f"{what}: {counted} counted in place of {len(expected)}"
    return ""


@pytest.mark.parametrize(("zone", "year"), PLACES)
def test_every_minute_round_a_change_agrees(zone: str, year: int) -> None:
    info, wrong = zoneinfo(zone), []
    moments = changes(info, year)
    assert moments
    for moment in moments:
        seen = walk(info, moment - SPAN - MARGIN, moment + SPAN + MARGIN, 30 if zone == "Africa/Monrovia" else 60)
        for text, (gap, repeat) in product(EXPRESSIONS, POLICIES):
            # an elapsed schedule has no policies: what they might break is near the change; every minute is many
            elapsed = parsed(text).elapsed and (gap, repeat) != ("RunAfter", "First")
            span = DAY // 4 if elapsed else DAY // 2 if text == "* * * * *" else SPAN
            wrong.append(disagreement(text, zone, gap, repeat, seen, moment - span, moment + span))
    wrong = [text for text in wrong if text]
    assert not wrong, "\n".join([f"{len(wrong)} disagreements", *wrong])


@pytest.mark.parametrize("zone", SECONDS_IN)
def test_every_second_round_a_change_agrees(zone: str) -> None:
    info, wrong, hour = zoneinfo(zone), [], 3600
    for moment in changes(info, YEARS[zone]):
        seen = walk(info, moment - 4 * hour, moment + 5 * hour, 1)
        for text, (gap, repeat) in product(WITH_SECONDS, POLICIES):
            wrong.append(disagreement(text, zone, gap, repeat, seen, moment - hour, moment + 3 * hour))
    wrong = [text for text in wrong if text]
    assert not wrong, "\n".join([f"{len(wrong)} disagreements", *wrong])


def part(low: int, high: int) -> st.SearchStrategy[str]:
    values = st.integers(low, high)
    single, stepped = values.map(str), st.tuples(values, st.integers(1, high)).map(lambda both: f"{both[0]}/{both[1]}")
    span = st.tuples(values, values).map(lambda pair: f"{pair[0]}-{pair[1]}")
    steps = st.tuples(st.just("*") | span, st.integers(1, high)).map(lambda both: f"{both[0]}/{both[1]}")
    return single | span | steps | stepped


def field(low: int, high: int) -> st.SearchStrategy[str]:
    return st.just("*") | st.lists(part(low, high), min_size=1, max_size=3).map(",".join)


ANY_EXPRESSION = st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)).map(" ".join)
SPARSE_MINUTES = st.lists(st.integers(0, 59).map(str), min_size=1, max_size=3).map(",".join)
ANY_TIME = st.tuples(SPARSE_MINUTES, field(0, 23), field(1, 31), field(1, 12), field(0, 6)).map(" ".join)
ZONES = resources.files("tzdata").joinpath("zones").read_text().split()


@given(ANY_TIME, st.sampled_from(ZONES), st.integers(1973, 2037), st.integers(0, 3), st.sampled_from(POLICIES))
def test_any_change_of_any_zone_agrees(
    text: str, zone: str, year: int, number: int, policy: tuple[Gap, Repeat]
) -> None:
    info = zoneinfo(zone)
    moments = changes(info, year) or [int(datetime(year, 7, 14, tzinfo=UTC).timestamp())]
    moment = moments[number % len(moments)]
    seen = walk(info, moment - 2 * DAY, moment + 2 * DAY, 60)
    assert not disagreement(text, zone, *policy, seen, moment - DAY // 2, moment + DAY // 2)


@given(ANY_EXPRESSION, st.integers(0, 4_000_000_000))
def test_the_next_instant_is_the_first_that_is_named(text: str, second: int) -> None:
    expression, found = Expression(text), cron.parse(text).after(second * 1000)
    for number in range(second // DAY, second // DAY + 9 * 366):  # no leap day for eight years, round 2100
        if expression.names(EPOCH + timedelta(days=number)):
            later = list(expression.walls(max(number * DAY, second + 1), number * DAY + DAY - 1))
            if later:
                assert found == later[0] * 1000
                return
    assert found is None or found > (second + 8 * 366 * DAY) * 1000


# The oracle itself, held to what a person reads off a calendar and the announcements of those days.
TOLD = [
    ("America/New_York", 1741500000, "30 2 * * *", "RunAfter", "First", ["03-08T07:30", "03-09T07:00", "03-10T06:30"]),
    ("America/New_York", 1741500000, "30 2 * * *", "Skip", "First", ["03-08T07:30", "03-10T06:30"]),
    ("America/New_York", 1762059600, "30 1 * * *", "Skip", "First", ["11-01T05:30", "11-02T05:30", "11-03T06:30"]),
    ("America/New_York", 1762059600, "30 1 2 * *", "Skip", "Both", ["11-02T05:30", "11-02T06:30"]),
    ("America/New_York", 1762059600, "30 * 2 11 ?", "Skip", "First", None),
    ("Africa/Cairo", 1761854400, "30 23 * * THU", "Skip", "Both", ["10-30T20:30", "10-30T21:30"]),
    ("Pacific/Apia", 1325235600, "0 */6 30 12 *", "RunAfter", "Both", ["12-30T10:00"]),
    ("Pacific/Apia", 1325235600, "0 */6 30 12 *", "Skip", "Both", []),
    ("Pacific/Apia", 1325235600, "0 * 30 12 *", "RunAfter", "Both", []),
    ("Australia/Lord_Howe", 1759590000, "0,15,30 2 5 * *", "RunAfter", "First", ["10-04T15:30"]),
]


@pytest.mark.parametrize(("zone", "moment", "text", "gap", "repeat", "expected"), TOLD)
def test_the_oracle(zone: str, moment: int, text: str, gap: str, repeat: str, expected: list[str] | None) -> None:
    info = zoneinfo(zone)
    assert moment in changes(info, datetime.fromtimestamp(moment, info).year)
    seen = walk(info, moment - 3 * DAY, moment + 3 * DAY, 60)
    due = [at for at in seen.due(Expression(text), gap, repeat) if abs(at - moment) < 1.2 * DAY]
    if expected is None:  # elapsed: 25 runs in a day of 25 hours
        assert len(due) == 25
        assert {later - earlier for earlier, later in pairwise(due)} == {3600}
        return
    assert [datetime.fromtimestamp(at, UTC).strftime("%m-%dT%H:%M") for at in due] == expected


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("0 0 L * *", [28]),
        ("0 0 27-L * MON#1", [2, 27, 28]),
        ("0 0 31 * *", []),
        ("0 0 * * SUN#4,L5", [22, 27]),
        ("0 0 1W * *", [2]),  # 1 February 2026 is a Sunday
        ("0 0 15W * *", [16]),
        ("0 0 14W * *", [13]),
        ("0 0 31W 2 *", [27]),
        ("0 0 26-3/3 * *", [1, 26]),
        ("0 0 */2 * TUE", [3, 17]),
        ("0 0 1-31/10 * TUE", [1, 3, 10, 11, 17, 21, 24]),
        ("0 0 1 * */2", [1]),
        ("0 0 */100,1-7 * MON", [2]),
        ("0 0 */1 * 3", [4, 11, 18, 25]),
        ("0 0 1-31 * 3", list(range(1, 29))),
        ("0 0 *,5 * 3", [4, 11, 18, 25]),
        ("0 0 5,* * 3", list(range(1, 29))),
        ("0 0 * * 5-7/2", [1, 6, 8, 13, 15, 20, 22, 27]),
        ("0 0 * * SAT-MON/2", [2, 7, 9, 14, 16, 21, 23, 28]),
        ("0 0 * 3 *", []),
    ],
)
def test_the_oracles_days(text: str, days: list[int]) -> None:
    expression = Expression(text)
    assert [number for number in range(1, 29) if expression.names(date(2026, 2, number))] == days
