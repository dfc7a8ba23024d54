"""When a job runs: intervals, single instants, and how instants are counted."""

from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain import cron
from kronstream.domain.schedule import CronSchedule, Every, Once

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
