"""What a schedule leaves out."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain import cron, exclusion, zone
from kronstream.domain.exclusion import STRETCHES, Days, Excluding, excluding
from kronstream.domain.schedule import CronSchedule, Every, Once, Schedule, Within, said

DAY = 86_400_000
UTC_TEXTS = ("2026-01-02", "2026-01-04/2026-01-06", "* 9-16 * * *", "* * * * 0,6", "*/7 * * * *", "15 10 * * * *")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


NEW_YEAR = ms("2026-01-01T00:00:00Z")  # a Thursday


def every(expression: str, name: str = "UTC") -> CronSchedule:
    return CronSchedule(cron.parse(expression, name))


def instants(schedule: Schedule, number: int, after: int = NEW_YEAR - 1) -> list[str]:
    found, at = [], schedule.after(after)
    while at is not None and len(found) < number:
        found.append(said(at))
        at = schedule.after(at)
    return found


@pytest.mark.parametrize(
    ("inner", "texts", "expected"),
    [
        (every("0 12 * * *"), ["2026-01-02"], ["2026-01-01T12", "2026-01-03T12"]),
        (every("0 12 * * *"), ["2026-01-01/2026-01-03", "2026-01-03/2026-01-05"], ["2026-01-06T12"]),
        (every("0 12 * * *"), ["2026-01-01/2026-01-09", "2026-01-03"], ["2026-01-10T12"]),
        (every("0 0 * * *"), ["2026-01-02", "2026-01-01"], ["2026-01-03T00"]),
        (every("0 23 * * *"), ["* * * * SAT,SUN"], ["2026-01-01T23", "2026-01-02T23", "2026-01-05T23"]),
        (every("0 */6 * * *"), ["* 9-16 * * *"], ["2026-01-01T00", "2026-01-01T06", "2026-01-01T18"]),
        (every("0 */6 * * *"), ["0 12 * * *"], ["2026-01-01T00", "2026-01-01T06", "2026-01-01T18"]),
        (every("0 */6 * * *"), ["30 12 * * *"], ["2026-01-01T00", "2026-01-01T06", "2026-01-01T12"]),
        (Every(6 * 3_600_000, NEW_YEAR + 500), ["0 6 * * *"], ["2026-01-01T00", "2026-01-01T12"]),
    ],
)
def test_what_is_left_out(inner: Schedule, texts: list[str], expected: list[str]) -> None:
    schedule = excluding(inner, texts, "UTC")
    assert [at[:13] for at in instants(schedule, len(expected))] == expected
    assert schedule.granule == inner.granule


def test_five_fields_cover_their_minute_and_six_their_second() -> None:
    seconds = Every(1_000, 0)
    assert instants(excluding(seconds, ["0 0 * * *"], "UTC"), 2) == ["2026-01-01T00:01:00Z", "2026-01-01T00:01:01Z"]
    assert instants(excluding(seconds, ["1 0 0 * * *"], "UTC"), 2) == ["2026-01-01T00:00:00Z", "2026-01-01T00:00:02Z"]
    assert instants(excluding(seconds, ["* 0 0 * * *"], "UTC"), 1) == ["2026-01-01T00:01:00Z"]
    assert instants(excluding(Every(100, 0), ["0 0 0 * * *"], "UTC"), 1) == ["2026-01-01T00:00:01Z"]


def test_long_stretches_of_a_dense_schedule_are_passed_at_once() -> None:
    # a weekend has 2,880 minutes, more than one search looks at
    for weekend in ("* * * * 0,6", "0-59 * * * 0,6", "* 0-23 * * 0,6", "0-59 */1 * * 0,6", "* * * * * 0,6"):
        friday = ms("2026-01-02T23:59:00Z")
        assert instants(excluding(every("* * * * *"), [weekend], "UTC"), 1, friday) == ["2026-01-05T00:00:00Z"], weekend
    months = excluding(Every(1_000, 0), ["* 0-22 * * *", "* * * 1-11 *"], "UTC")
    assert instants(months, 1) == ["2026-12-01T23:00:00Z"]


def test_stretches_that_touch_are_one() -> None:
    """What several exclusions leave of a dense schedule is found: a job stood still, though one run a day was left."""
    daily = excluding(every("* * * * * *"), ["1-59 * * * * *", "0 1-59 * * * *", "0 0 1-23 * * *"], "UTC")
    assert instants(daily, 2) == ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]
    monthly = excluding(every("* * * * *"), ["1-59 * * * *", "0 1-23 * * *", "0 0 2-31 * *"], "Europe/Berlin")
    assert instants(monthly, 2) == ["2026-01-31T23:00:00Z", "2026-02-28T23:00:00Z"]


@pytest.mark.parametrize(
    ("name", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("Europe/Berlin", "2026-06-01", 24),
        ("America/Havana", "2026-03-08", 23),  # begins at 01:00
        ("America/Havana", "2025-11-02", 25),
        ("Africa/Cairo", "2026-10-29", 25),  # its last hour comes twice
        ("Antarctica/Troll", "2026-03-29", 22),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Pacific/Apia", "2011-12-30", 0),  # there is no such day
        ("Pacific/Apia", "2011-12-29", 24),
    ],
)
def test_a_day_is_left_out_from_its_first_second_to_its_last(name: str, day: str, hours: float) -> None:
    start = ms(f"{day}T00:00:00Z") - 2 * DAY
    ten = Every(600_000, 0)
    schedule = excluding(ten, [day], name)
    place = zone.load(name)
    kept, at = [], schedule.after(start)
    while at is not None and at <= start + 5 * DAY:
        kept.append(at)
        at = schedule.after(at)
    left_out = sorted(set(range(start + 600_000, start + 5 * DAY + 1, 600_000)) - set(kept))
    assert len(left_out) == hours * 6
    for at in left_out:
        second = at // 1000
        assert said((second + place.offset(second)) * 1000).startswith(day)
    for at in kept:
        assert not said((at // 1000 + place.offset(at // 1000)) * 1000).startswith(day)


def test_both_passes_of_a_repeated_hour_are_left_out() -> None:
    schedule = excluding(every("30 * * * *", "Europe/Berlin"), ["* 2 * * *"], "Europe/Berlin")
    assert instants(schedule, 3, ms("2026-10-24T23:00:00Z")) == [
        "2026-10-24T23:30:00Z",
        "2026-10-25T02:30:00Z",
        "2026-10-25T03:30:00Z",
    ]


def test_a_run_after_a_gap_is_judged_by_the_time_it_runs_at() -> None:
    inner = every("30 2 * * *", "Europe/Berlin")
    before = ms("2026-03-28T12:00:00Z")
    assert instants(excluding(inner, ["* 2 * * *"], "Europe/Berlin"), 1, before) == ["2026-03-29T01:00:00Z"]
    assert instants(excluding(inner, ["* 3 * * *"], "Europe/Berlin"), 1, before) == ["2026-03-30T00:30:00Z"]


def test_instants_are_counted() -> None:
    schedule = excluding(every("0 12 * * *"), ["* * * * 0,6"], "UTC")
    assert schedule.count(NEW_YEAR, NEW_YEAR + 28 * DAY, 99) == (20, True)
    assert schedule.count(NEW_YEAR, NEW_YEAR + 28 * DAY, 9) == (9, False)


# --- when nothing is left ---


@pytest.mark.parametrize("texts", [["* * * * *"], ["* 0-23 * * *"], ["0 12 * * *"]])
def test_a_search_through_what_is_excluded_ends(texts: list[str]) -> None:
    schedule = excluding(every("0 12 * * *"), texts, "Europe/Berlin")
    if texts == ["0 12 * * *"]:
        schedule = excluding(every("0 12 * * *", "Europe/Berlin"), texts, "Europe/Berlin")
    assert schedule.after(NEW_YEAR) is None
    assert schedule.why_none(NEW_YEAR).startswith("every instant from 2026-01-01T00:00:00Z to 2")
    assert schedule.why_none(NEW_YEAR).endswith("Z is excluded")


def test_why_nothing_is_left_of_what_ends() -> None:
    christmas = excluding(Once(ms("2026-12-24T12:00:00Z")), ["2026-12-24"], "UTC")
    assert christmas.after(NEW_YEAR) is None
    assert christmas.why_none(NEW_YEAR) == "every instant that is left is excluded"
    assert christmas.why_none(NEW_YEAR + 366 * DAY) == "its one instant, 2026-12-24T12:00:00Z, has passed"


def test_every_exclusion_of_the_longest_search_is_passed_over() -> None:
    just = excluding(Every(DAY, NEW_YEAR), [], "UTC")
    odd = Days((day, day) for day in range(NEW_YEAR // DAY + 1, NEW_YEAR // DAY + 2 * STRETCHES, 2))
    assert Excluding(just, (odd,), zone.load("UTC")).after(NEW_YEAR) == NEW_YEAR + 2 * DAY
    minutes = Excluding(Every(120_000, NEW_YEAR), (Every2(STRETCHES - 1),), zone.load("UTC"))
    assert minutes.after(NEW_YEAR - 1) == NEW_YEAR + (STRETCHES - 1) * 120_000
    minutes = Excluding(Every(120_000, NEW_YEAR), (Every2(STRETCHES),), zone.load("UTC"))
    assert minutes.after(NEW_YEAR - 1) is None
    assert minutes.why_none(NEW_YEAR - 1).startswith("every instant from 2025-12-31T23:59:59Z to 2026-01-03T")


class Every2:
    """So many instants, two minutes apart, each excluded by itself."""

    def __init__(self, number: int) -> None:
        self._end = NEW_YEAR // 1000 + number * 120

    def end(self, wall: int) -> int | None:
        return wall + 60 if wall < self._end and wall % 120 == NEW_YEAR // 1000 % 120 else None


# --- texts ---


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-12", "'2026-12' is not a date; write a date like 2026-12-24, a range like 2026-12-24/2027-01-02, or"),
        ("24.12.2026", "'24.12.2026' is not a date"),
        ("2026-12-24T00:00:00Z", "'2026-12-24T00:00:00Z' is not a date"),
        ("2026-12-24/", "'2026-12-24/' is not a date"),
        ("2026-02-30", "'2026-02-30' has a day that no calendar has"),
        ("2026-02-01/2026-02-30", "'2026-02-01/2026-02-30' has a day that no calendar has"),
        ("2027-01-02/2026-12-24", "'2027-01-02/2026-12-24' ends before it begins; write 2026-12-24/2027-01-02"),
        ("* 25 * * *", "'* 25 * * *': the hour field '25' is not valid"),
    ],
)
def test_what_is_refused_says_what_to_write(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as fault:
        excluding(every("0 12 * * *"), ["2026-01-01", text], "UTC")
    assert str(fault.value).startswith(message)


# --- properties ---

inners = st.sampled_from(
    [every("0 */5 * * *"), every("30 9 * * 1-5", "Europe/Berlin"), every("*/20 * * * *"), Every(7_777_000, 0)]
)
texts = st.lists(st.sampled_from(UTC_TEXTS), max_size=4)


fields = st.sampled_from(["*", "*/2", "5", "0", "59", "1-59", "0-58", "20-40", "0-30,32-59"])
hours = st.sampled_from(["*", "0", "23", "1-23", "0-22", "5-7", "0-11,13-23"])


@given(st.tuples(fields, fields, hours), st.booleans(), st.integers(NEW_YEAR // 1000, NEW_YEAR // 1000 + 86_399))
def test_a_stretch_ends_with_the_first_second_that_does_not_match(
    chosen: tuple[str, str, str], five: bool, wall: int
) -> None:
    expression = cron.parse(" ".join([*(chosen[1:] if five else chosen), "* * *"]))

    def matches(second: int) -> bool:
        at = second - second % 60 if five else second
        return expression.next_second(at - 1) == at

    if matches(wall):
        end = wall + 1
        while matches(end) and end % 86_400:
            end += 1
        assert expression.until(wall) == end


@given(inners, texts, st.integers(NEW_YEAR, NEW_YEAR + 9 * DAY), st.integers(0, 3 * DAY))
def test_what_is_left_is_what_no_exclusion_holds(inner: Schedule, chosen: list[str], after: int, span: int) -> None:
    schedule = excluding(inner, chosen, "Europe/Berlin")
    kept, at = [], inner.after(after)
    while at is not None and at <= after + span:
        if not any(holds(text, at) for text in chosen):
            kept.append(at)
        at = inner.after(at)
    found, at = [], schedule.after(after)
    while at is not None and at <= after + span:
        found.append(at)
        at = schedule.after(at)
    assert found == kept
    assert schedule.count(after, after + span, 9999) == (len(kept), True)


def holds(text: str, at: int) -> bool:
    """Whether an exclusion holds an instant, field by field."""
    second = at // 1000
    wall = datetime.fromisoformat(said((second + zone.load("Europe/Berlin").offset(second)) * 1000))
    match text:
        case "2026-01-02":
            return wall.date().isoformat() == text
        case "2026-01-04/2026-01-06":
            return "2026-01-04" <= wall.date().isoformat() <= "2026-01-06"
        case "* 9-16 * * *":
            return 9 <= wall.hour <= 16
        case "* * * * 0,6":
            return wall.weekday() >= 5
        case "*/7 * * * *":
            return wall.minute % 7 == 0
    return (wall.minute, wall.second) == (10, 15)


@given(inners, texts, st.integers(NEW_YEAR, NEW_YEAR + 9 * DAY), st.integers(0, 9 * DAY), st.integers(0, 9 * DAY))
def test_limits_and_exclusions_commute(inner: Schedule, chosen: list[str], after: int, begin: int, length: int) -> None:
    first, last = NEW_YEAR + begin, NEW_YEAR + begin + length
    one = excluding(Within(inner, first, last), chosen, "Europe/Berlin")
    other = Within(excluding(inner, chosen, "Europe/Berlin"), first, last)
    assert one.after(after) == other.after(after)
    assert one.count(after, last, 50) == other.count(after, last, 50)
    assert excluding(excluding(inner, chosen[:1], "Europe/Berlin"), chosen[1:], "Europe/Berlin").after(
        after
    ) == excluding(inner, chosen[::-1], "Europe/Berlin").after(after)


def test_the_shapes_are_those_that_are_asked_for() -> None:
    assert exclusion.parse(" 2026-01-02 ") == (20455, 20455)
    assert exclusion.parse("@daily") is cron.parse("@daily")
