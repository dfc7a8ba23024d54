"""When a job runs: intervals, single instants, several schedules together, limits, and how instants are counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain import cron
from kronstream.domain.schedule import CronSchedule, Every, Once, Schedule, Union, Within, said

NOW = 1_800_000_000_000


@given(st.integers(1, 10**9), st.integers(-(10**13), 10**13), st.integers(-(10**13), 10**13))
def test_an_interval_is_counted_from_its_anchor(interval: int, anchor: int, instant: int) -> None:
    following = Every(interval, anchor).after(instant)
    assert following is not None
    assert following > instant
    assert following >= anchor
    assert (following - anchor) % interval == 0
    assert following == anchor or following - interval <= instant


@given(st.integers(1, 1000), st.integers(-2000, 2000), st.integers(-3000, 3000), st.integers(-10, 3000))
def test_intervals_are_counted_as_if_one_by_one(interval: int, anchor: int, after: int, span: int) -> None:
    every = Every(interval, anchor)
    number = sum(1 for at in range(after + 1, after + span + 1) if at >= anchor and (at - anchor) % interval == 0)
    assert every.count(after, after + span, 1) == (number, True)
    assert every.granule == interval


def test_one_instant_comes_once() -> None:
    once = Once(NOW)
    assert [once.after(NOW - 1), once.after(NOW)] == [NOW, None]
    assert [once.count(NOW - 1, NOW, 5), once.count(NOW, NOW + 9, 5)] == [(1, True), (0, True)]
    assert once.granule == 1


def test_cron_instants_are_counted_up_to_a_limit() -> None:
    hourly = CronSchedule(cron.parse("0 * * * *"))
    day = 86_400_000
    assert hourly.count(NOW, NOW + day, 100) == (24, True)
    assert hourly.count(NOW, NOW + day, 24) == (24, True)
    assert hourly.count(NOW, NOW + day, 23) == (23, False)
    assert hourly.count(NOW, NOW, 23) == (0, True)
    assert hourly.after(NOW) == NOW + 3_600_000
    assert hourly.granule == 60_000
    assert CronSchedule(cron.parse("*/10 * * * * *")).granule == 1_000


DAY = 86_400_000
NOON = CronSchedule(cron.parse("0 12 * * *"))
NEVER = CronSchedule(cron.parse("0 0 31 2,4 *"))


def instants(schedule: Schedule, number: int, after: int = NOW) -> list[str]:
    found, at = [], schedule.after(after)
    while at is not None and len(found) < number:
        found.append(said(at))
        at = schedule.after(at)
    return found


def test_where_two_schedules_meet_there_is_one_instant() -> None:
    both = Union((NOON, CronSchedule(cron.parse("0 */12 * * *")), NEVER))
    assert instants(both, 3) == ["2027-01-15T12:00:00Z", "2027-01-16T00:00:00Z", "2027-01-16T12:00:00Z"]
    assert both.count(NOW, NOW + 10 * DAY, 99) == (20, True)
    assert both.count(NOW, NOW + 10 * DAY, 7) == (7, False)
    assert Union((Once(NOW), NEVER)).after(NOW) is None


def test_only_cron_expressions_share_a_grid() -> None:
    assert Union((NOON, CronSchedule(cron.parse("0 9 * * *")))).granule == 60_000
    assert Union((NOON, CronSchedule(cron.parse("0 0 9 * * *")))).granule == 1_000
    assert Union((NOON, Every(DAY, 1))).granule == 1


def test_both_ends_of_a_window_belong_to_it() -> None:
    first, last = NOW // DAY * DAY + DAY // 2, NOW // DAY * DAY + DAY // 2 + 2 * DAY
    window = Within(NOON, first, last)
    assert instants(window, 9, 0) == ["2027-01-15T12:00:00Z", "2027-01-16T12:00:00Z", "2027-01-17T12:00:00Z"]
    assert instants(Within(NOON, first + 1, last - 1), 9, 0) == ["2027-01-16T12:00:00Z"]
    assert window.count(0, last + 9 * DAY, 99) == (3, True)
    assert window.count(first, last, 99) == (2, True)
    assert window.count(0, last + 9 * DAY, 2) == (2, False)
    assert window.granule == 60_000
    assert instants(Within(NOON, first), 1, 0) == ["2027-01-15T12:00:00Z"]
    assert Within(NOON, None, last).count(NOW, NOW + 9 * DAY, 99) == (3, True)


@pytest.mark.parametrize(
    ("schedule", "after", "why"),
    [
        (Once(NOW), NOW, "its one instant, 2027-01-15T08:00:00Z, has passed"),
        (NEVER, NOW, "'0 0 31 2,4 *' never comes: no day matches day of month 31 in month 2,4"),
        (
            CronSchedule(cron.parse("1 0 0 30 2 *")),
            NOW,
            "'1 0 0 30 2 *' never comes: no day matches day of month 30 in",
        ),
        (NOON, 10**17, "'0 12 * * *' has no instant within 100 years of 100000000000000000 ms"),
        (
            Union((NEVER, Once(NOW), NEVER)),
            NOW,
            "'0 0 31 2,4 *' never comes: no day matches day of month 31 in month 2,4; its one instant, 2027-01-15T08",
        ),
        (
            Within(NOON, None, NOW),
            NOW - 1,
            "the next instant, 2027-01-15T12:00:00Z, is later than notAfter, 2027-01-15T08",
        ),
        (Within(NOON, None, NOW), NOW, "notAfter, 2027-01-15T08:00:00Z, has passed"),
        (Within(NOON, NOW + DAY, NOW + DAY + 1), NOW, "the next instant, 2027-01-16T12:00:00Z, is later than notAfter"),
        (Within(NEVER, NOW, None), NOW, "'0 0 31 2,4 *' never comes"),
        (Within(Once(NOW), NOW + 1, NOW + 2), 0, "its one instant, 2027-01-15T08:00:00Z, has passed"),
    ],
)
def test_why_there_is_no_next_instant(schedule: Schedule, after: int, why: str) -> None:
    assert schedule.after(after) is None
    assert schedule.why_none(after).startswith(why)


def test_an_interval_does_not_end() -> None:
    assert Every(5, 0).why_none(NOW) == "an interval goes on after 2027-01-15T08:00:00Z"
