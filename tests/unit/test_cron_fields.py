"""What the fields of an expression mean."""

from datetime import UTC, datetime, timedelta

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain import cron

START = 1_767_225_600  # 2026-01-01, a Thursday


def following(expression: str, number: int, start: int = START) -> list[int]:
    parsed, found = cron.parse(expression), [start]
    for _ in range(number):
        second = parsed.next_second(found[-1])
        assert second is not None
        found.append(second)
    return found[1:]


def days(expression: str, number: int) -> list[str]:
    return [datetime.fromtimestamp(at, UTC).strftime("%m-%d") for at in following(expression, number)]


def hours(expression: str) -> list[int]:
    return sorted({datetime.fromtimestamp(at, UTC).hour for at in following(expression, 24)})


@pytest.mark.parametrize(
    ("range_", "value"),
    [
        ("5-5 * * * *", "5 * * * *"),
        ("0 3-3 * * *", "0 3 * * *"),
        ("0 3-3/2 * * *", "0 3 * * *"),
        ("0 3-03,5-7 * * *", "0 3,5-7 * * *"),
        ("0 0 4-4 * *", "0 0 4 * *"),
        ("0 0 1 feb-2 *", "0 0 1 2 *"),
        ("0 0 * * SUN-sun", "0 0 * * 0"),
        ("0 0 * * 7-0", "0 0 * * 0"),
        ("0 0 * * 7-2", "0 0 * * 0-2"),
        ("0 0 * * 5-7", "0 0 * * 0,5,6"),
        ("0 0 * * fri-mon", "0 0 * * 5,6,0,1"),
        ("0 0 * * SAT-SAT#1", "0 0 * * 6#1"),
        ("0 0 * * SAT-MON#1", "0 0 * * 6#1,0#1,1#1"),
        ("0 0 * * 7#2", "0 0 * * SUN#2"),
        ("0 0 * * L7", "0 0 * * L0"),
        ("0 22-4/3 * * *", "0 22,1,4 * * *"),
        ("50-10/7 * * * *", "50,57,4 * * * *"),
        ("0 0 * 11-2/2 *", "0 0 * 11,1 *"),
        ("0 0 * * 5-3/4", "0 0 * * 5,2"),
        ("0 0 25-5/2 * *", "0 0 25,27,29,31,2,4 * *"),
        ("0 0 15-L * *", "0 0 15-31 * *"),
        ("0 0 W15 * *", "0 0 15w * *"),
        ("0 0 ? * *", "0 0 * * ?"),
        ("59/15 * * * *", "59 * * * *"),
        ("0 0 * DEC/3 *", "0 0 * 12 *"),
        ("5/20 * * * *", "5,25,45 * * * *"),
        ("*/99 * * * *", "0 * * * *"),
        ("*,5 * * * *", "* * * * *"),
        ("0 0 * * 0-7", "0 0 * * *"),
        ("0 0 * * 0-7/2", "0 0 * * 0,2,4,6"),
        ("007 00 * * *", "7 0 * * *"),
        ("0 0 * * 0#1,1#1,2#1,3#1,4#1,5#1,6#1", "0 0 1-7 * *"),
    ],
)
def test_two_ways_to_write_one_schedule(range_: str, value: str) -> None:
    assert following(range_, 60) == following(value, 60)


def test_a_range_may_go_over_the_end() -> None:
    assert hours("0 23-1 * * *") == [0, 1, 23]


def test_seconds_come_first() -> None:
    assert following("*/20 1 0 * * *", 4) == [START + 60, START + 80, START + 100, START + 86_460]
    assert following("30 0 0 1 1 *", 1) == [START + 30]
    assert cron.parse("0 0 0 * * *").seconds
    assert not cron.parse("0 0 * * *").seconds
    assert cron.parse("0 0 * * * *").elapsed
    assert not cron.parse("* 0 0 * * *").elapsed


def test_last_days_and_nearest_weekdays() -> None:
    assert days("0 0 L * *", 3) == ["01-31", "02-28", "03-31"]
    assert days("0 0 15,L 2,3 *", 4) == ["02-15", "02-28", "03-15", "03-31"]
    # 1 February 2026 is a Sunday, 15 March too, 31 January a Saturday; May ends with a Sunday, 1 August is a Saturday
    assert days("0 0 1W 2 *", 1) == ["02-02"]
    assert days("0 0 15W 1-3 *", 3) == ["01-15", "02-16", "03-16"]
    assert days("0 0 31W 1-5 *", 5) == ["01-30", "02-27", "03-31", "04-30", "05-29"]
    assert days("0 0 1W 8 *", 1) == ["08-03"]
    assert days("0 0 14W 2 *", 1) == ["02-13"]


def test_the_nth_weekday_and_the_last() -> None:
    assert days("0 0 * * 5#2", 3) == ["01-09", "02-13", "03-13"]
    assert days("0 0 * * MON#1", 2) == ["01-05", "02-02"]
    assert days("0 0 * * FRI#5", 2) == ["01-30", "05-29"]
    assert days("0 0 * * L5,2#1", 4) == ["01-06", "01-30", "02-03", "02-27"]


def test_either_day_field_is_enough_when_both_are_restricted() -> None:
    assert days("0 0 13 * 5", 4) == ["01-02", "01-09", "01-13", "01-16"]
    assert days("0 0 13 * 5#2", 4) == ["01-09", "01-13", "02-13", "03-13"]
    assert days("0 0 15W * 1#1", 4) == ["01-05", "01-15", "02-02", "02-16"]
    assert days("0 0 L * 1#1", 3) == ["01-05", "01-31", "02-02"]
    # all days of the month, written as a range, are a restriction, as in cron
    assert days("0 0 1-31 * 1", 3) == ["01-02", "01-03", "01-04"]
    assert days("0 0 5 * 0-6", 3) == ["01-02", "01-03", "01-04"]
    # neither side need be possible in every month
    assert days("0 0 31 2 1", 2) == ["02-02", "02-09"]


def test_a_day_field_that_begins_with_a_star_restricts_nothing_by_itself() -> None:
    # odd days that are Mondays, as in Vixie's cron
    assert days("0 0 */2 * 1", 3) == ["01-05", "01-19", "02-09"]
    assert days("0 0 1-7 * */7", 3) == ["01-04", "02-01", "03-01"]
    assert days("0 0 ? * 1", 2) == ["01-05", "01-12"]


@pytest.mark.parametrize(
    "expression", ["0 0 30 2 *", "0 0 31 4,6 *", "0 0 31 2 ?", "0 0 0 30 2 *", "0 * 31 2 *", "0 0 30,31 2 */2"]
)
def test_what_never_comes_is_taken(expression: str) -> None:
    parsed = cron.parse(expression, "Europe/Berlin")
    assert parsed.never
    assert parsed.after(START * 1000) is None
    assert not cron.parse("0 0 29 2 *").never
    assert not cron.parse("0 0 * 2 5#5").never


def value(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(str)


def part(low: int, high: int) -> st.SearchStrategy[str]:
    pairs = st.tuples(st.integers(low, high), st.integers(low, high)).filter(lambda pair: pair[0] != pair[1])
    span = pairs.map(lambda pair: f"{pair[0]}-{pair[1]}")
    rising = pairs.map(lambda pair: f"{min(pair)}-{max(pair)}")
    stepped = st.tuples(st.just("*") | rising | value(low, high), st.integers(1, high)).map(lambda b: f"{b[0]}/{b[1]}")
    return value(low, high) | span | stepped


def field(low: int, high: int) -> st.SearchStrategy[str]:
    return st.just("*") | st.lists(part(low, high), min_size=1, max_size=3).map(",".join)


@given(
    st.tuples(field(0, 59), field(0, 23), field(1, 31) | st.sampled_from(["L", "15W", "3,L"]), field(1, 12)),
    st.integers(START, START + 800_000_000),
)
def test_without_a_zone_croniter_agrees(fields: tuple[str, ...], second: int) -> None:
    compare(" ".join(fields) + " *", second)


@given(
    st.tuples(field(0, 59), field(0, 23), field(1, 12), field(0, 6) | st.sampled_from(["5#2", "L3", "1#1,L1"])),
    st.integers(START, START + 800_000_000),
)
def test_without_a_zone_croniter_agrees_about_weekdays(fields: tuple[str, ...], second: int) -> None:
    minute, hour, month, weekday = fields
    compare(f"{minute} {hour} * {month} {weekday}", second)


def compare(expression: str, second: int) -> None:
    parsed = cron.parse(expression)
    if parsed.never:
        return
    iterator = croniter(expression, datetime.fromtimestamp(second, UTC), max_years_between_matches=100)
    at = second
    for _ in range(3):
        found = parsed.next_second(at)
        assert found == iterator.get_next(float)
        assert found is not None
        at = found


@given(st.sampled_from(range(1, 32)), st.sampled_from(range(7)), st.integers(0, 2000))
def test_either_day_is_either_day(day: int, weekday: int, offset: int) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=offset)
    at = begin + timedelta(days=1)
    while at.day != day and at.isoweekday() % 7 != weekday:
        at += timedelta(days=1)
    assert following(f"0 0 {day} * {weekday}", 1, int(begin.timestamp())) == [int(at.timestamp())]


def test_what_croniter_reads_wrongly_it_still_reads_wrongly() -> None:
    # when one of these fails, croniter was mended: the field may be given to it as it is written
    assert croniter.expand("0 3-3 * * *")[0][1] == ["*"]
    assert croniter.expand("0 22-4/3 * * *")[0][1] == [2, 22]
