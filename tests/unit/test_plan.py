"""What a job owes, by example."""

import pytest

from kronstream.domain.plan import (
    LOOK_LIMIT,
    Jitter,
    Plan,
    Policy,
    Skipped,
    passed,
    plan,
    plan_once,
    prompt,
    upcoming,
)
from kronstream.domain.run import Skip
from kronstream.domain.schedule import Every, Once

NOW = 1_800_000_000_000
SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
MINUTELY = Every(MINUTE, anchor=0)
LATEST, ALL, NONE = (Policy(catch_up=name) for name in ("Latest", "All", "None"))


def test_nothing_is_owed_before_the_next_instant() -> None:
    owed = plan(MINUTELY, NOW, NOW + 59_999, Policy())
    assert owed == Plan((), (), NOW, NOW + MINUTE)
    assert owed.idle


def test_a_due_instant_runs_and_moves_the_cursor() -> None:
    owed = plan(MINUTELY, NOW, NOW + MINUTE, Policy())
    assert owed == Plan((NOW + MINUTE,), (), NOW + MINUTE, NOW + 2 * MINUTE)
    assert not owed.idle


@pytest.mark.parametrize("policy", [LATEST, ALL, NONE])
def test_late_instants_all_run_in_order(policy: Policy) -> None:
    every = Every(10 * SECOND, anchor=0)
    owed = plan(every, NOW - MINUTE, NOW, policy)
    assert owed.due == tuple(range(NOW - 50 * SECOND, NOW + 1, 10 * SECOND))
    assert owed.skipped == ()


def test_missed_instants_beyond_and_within_the_window_are_one_range() -> None:
    """The Event tells the range of all of them: it told that of those within the window, with the number of all."""
    owed = plan(Every(10 * MINUTE, anchor=0), NOW - 3 * HOUR, NOW + 5 * MINUTE, LATEST)
    assert owed.due == (NOW,)
    assert owed.skipped == (Skipped(Skip.MISSED, 17, NOW - 3 * HOUR + 10 * MINUTE, NOW - 10 * MINUTE),)


def test_grace_is_late_to_the_millisecond() -> None:
    for ago, due in ((MINUTE, 1), (MINUTE + 1, 0)):
        at = NOW - ago
        owed = plan(Once(at), at - 1, NOW, NONE)
        assert len(owed.due) == due
        assert [skip.count for skip in owed.skipped] == [1] * (1 - due)


def test_the_latest_missed_instant_is_caught_up() -> None:
    owed = plan(Every(10 * MINUTE, anchor=0), NOW - HOUR, NOW - MINUTE - 1, LATEST)
    assert owed.due == (NOW - 10 * MINUTE,)
    assert owed.skipped == (Skipped(Skip.MISSED, 4, NOW - 50 * MINUTE, NOW - 20 * MINUTE),)
    assert owed.cursor == NOW - 10 * MINUTE


def test_all_missed_instants_are_caught_up_to_a_number() -> None:
    policy = Policy(catch_up="All", max_runs=3)
    owed = plan(Every(10 * MINUTE, anchor=0), NOW - HOUR, NOW, policy)
    assert owed.due == (NOW - 30 * MINUTE, NOW - 20 * MINUTE, NOW - 10 * MINUTE, NOW)
    assert owed.skipped == (Skipped(Skip.MISSED, 2, NOW - 50 * MINUTE, NOW - 40 * MINUTE),)


def test_nothing_missed_is_caught_up() -> None:
    owed = plan(Every(10 * MINUTE, anchor=0), NOW - HOUR, NOW, NONE)
    assert owed.due == (NOW,)
    (skip,) = owed.skipped
    assert (skip.reason, skip.count, skip.first) == (Skip.MISSED, 5, NOW - 50 * MINUTE)


def test_what_is_older_than_the_window_is_missed() -> None:
    owed = plan(
        Every(HOUR, anchor=NOW - 10 * HOUR - 10 * MINUTE), NOW - 5 * HOUR, NOW, Policy(catch_up="All", window=2 * HOUR)
    )
    assert owed.due == (NOW - HOUR - 10 * MINUTE, NOW - 10 * MINUTE)
    (skip,) = owed.skipped
    assert (skip.reason, skip.count, skip.first) == (Skip.MISSED, 3, NOW - 4 * HOUR - 10 * MINUTE)


def test_everything_too_old_moves_the_cursor_all_the_same() -> None:
    owed = plan(Once(NOW - 2 * HOUR), NOW - 3 * HOUR, NOW, LATEST)
    assert owed.due == ()
    assert [skip.count for skip in owed.skipped] == [1]
    assert NOW - 2 * HOUR <= owed.cursor <= NOW
    assert owed.next is None


def test_a_starting_deadline_forbids_and_is_counted_apart() -> None:
    policy = Policy(catch_up="All", starting_deadline=25 * MINUTE)
    owed = plan(Every(10 * MINUTE, anchor=0), NOW - HOUR, NOW, policy)
    assert owed.due == (NOW - 20 * MINUTE, NOW - 10 * MINUTE, NOW)
    assert owed.skipped == (Skipped(Skip.DEADLINE, 3, NOW - 50 * MINUTE, NOW - 30 * MINUTE),)


def test_a_starting_deadline_may_be_shorter_than_the_grace() -> None:
    owed = plan(Every(10 * SECOND, anchor=0), NOW - 30 * SECOND, NOW + 1, Policy(starting_deadline=10 * SECOND))
    assert owed.due == (NOW,)
    assert owed.skipped == (Skipped(Skip.DEADLINE, 2, NOW - 20 * SECOND, NOW - 10 * SECOND),)


def test_years_of_missed_instants_are_bounded() -> None:
    policy = Policy(catch_up="All", window=10 * 365 * 24 * HOUR, max_runs=10**6)
    owed = plan(Every(SECOND, anchor=0), 0, NOW, policy)
    assert LOOK_LIMIT <= len(owed.due) <= LOOK_LIMIT + 1
    assert owed.due[-1] == NOW
    assert sum(skip.count for skip in owed.skipped) + len(owed.due) == NOW // SECOND


ONCE = Once(NOW)
BEFORE = NOW - 2 * HOUR  # where the cursor of a job starts that was created an hour before its instant


def test_a_one_time_job_waits_for_its_instant() -> None:
    waiting = plan_once(ONCE, BEFORE, NOW - HOUR, NOW - 1, Policy())
    assert waiting == Plan((), (), BEFORE, NOW)
    assert waiting.idle


@pytest.mark.parametrize("late", [0, HOUR, 365 * 24 * HOUR])
def test_a_one_time_job_runs_however_late(late: int) -> None:
    assert plan_once(ONCE, BEFORE, NOW - HOUR, NOW + late, NONE) == Plan((NOW,), (), NOW, None)


def test_a_one_time_job_may_have_a_deadline() -> None:
    policy = Policy(starting_deadline=MINUTE)
    assert plan_once(ONCE, BEFORE, NOW - HOUR, NOW + MINUTE, policy).due == (NOW,)
    late = plan_once(ONCE, BEFORE, NOW - HOUR, NOW + MINUTE + 1, policy)
    assert late == Plan((), (Skipped(Skip.DEADLINE, 1, NOW, NOW),), NOW, None)


def test_a_one_time_job_created_after_its_instant_expires() -> None:
    assert plan_once(ONCE, BEFORE, NOW + MINUTE, NOW + HOUR, Policy()).due == (NOW,)
    expired = plan_once(ONCE, BEFORE, NOW + MINUTE + 1, NOW + HOUR, Policy())
    assert expired == Plan((), (Skipped(Skip.EXPIRED, 1, NOW, NOW),), NOW, None)


@pytest.mark.parametrize("cursor", [NOW, NOW + HOUR])
def test_a_one_time_job_whose_instant_was_left_behind_expires_uncounted(cursor: int) -> None:
    expired = plan_once(ONCE, cursor, NOW - HOUR, NOW + 2 * HOUR, Policy())
    assert expired == Plan((), (Skipped(Skip.EXPIRED, 0, NOW, NOW),), cursor, None)
    assert not expired.idle


def test_what_passed_is_one_range() -> None:
    assert passed(MINUTELY, NOW, NOW + 59_999, Skip.EDITED) == ()
    assert passed(Once(NOW), NOW, NOW + HOUR, Skip.EDITED) == ()
    (skip,) = passed(MINUTELY, NOW, NOW + 150 * SECOND, Skip.SUSPENDED)
    assert (skip.reason, skip.count, skip.first, skip.exact) == (Skip.SUSPENDED, 2, NOW + MINUTE, True)


def test_the_next_instants_are_listed() -> None:
    assert upcoming(MINUTELY, NOW, 3) == (NOW + MINUTE, NOW + 2 * MINUTE, NOW + 3 * MINUTE)
    assert upcoming(Once(NOW), NOW - 1, 3) == (NOW,)
    assert upcoming(Once(NOW), NOW, 3) == ()
    assert upcoming(MINUTELY, NOW, 0) == ()


PUT_OFF = Jitter(20 * SECOND, lambda _nominal, _following: 20 * SECOND)


def test_a_jitter_puts_the_run_off_and_not_its_instant() -> None:
    at = NOW + MINUTE
    assert plan(MINUTELY, NOW, at + 19_999, Policy(), PUT_OFF) == Plan((), (), NOW, at)
    owed = plan(MINUTELY, NOW, at + 20_000, Policy(), PUT_OFF)
    assert owed == Plan((at,), (), at, at + MINUTE, (20_000,))


def test_with_a_jitter_late_is_counted_from_when_the_run_was_due() -> None:
    at, hour = NOW + HOUR, Jitter(HOUR, lambda _nominal, _following: 50 * MINUTE)
    daily = Every(24 * HOUR, at)
    assert plan(daily, NOW, at + 51 * MINUTE, NONE, hour).due == (at,)
    late = plan(daily, NOW, at + 52 * MINUTE, NONE, hour)
    assert (late.due, late.skipped) == ((), (Skipped(Skip.MISSED, 1, at, at),))
    deadline = Policy(starting_deadline=30 * SECOND)
    assert plan(daily, NOW, at + 50 * MINUTE + 30 * SECOND, deadline, hour).due == (at,)
    assert plan(daily, NOW, at + 50 * MINUTE + 31 * SECOND, deadline, hour).due == ()


def test_what_is_on_time_needs_no_other_instant() -> None:
    at = NOW + MINUTE
    assert prompt(MINUTELY, at, at, at, Policy()) == Plan((at,), (), at, None)
    assert prompt(MINUTELY, at, at + 20_000, at + 20_001, Policy()) == Plan((at,), (), at, None, (20_000,))


@pytest.mark.parametrize(
    ("now", "policy"),
    [
        (NOW - 1, Policy()),
        (NOW + MINUTE, Policy(grace=HOUR)),  # there may be another one
        (NOW + 5_001, Policy(grace=5_000)),  # missed, not late
        (NOW + 5_001, Policy(starting_deadline=5_000)),
    ],
)
def test_what_is_not_simply_on_time_is_looked_at(now: int, policy: Policy) -> None:
    assert prompt(MINUTELY, NOW, NOW, now, policy) is None
