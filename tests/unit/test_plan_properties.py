"""What must hold for whatever a job owes."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain import cron
from kronstream.domain import jitter as jittering
from kronstream.domain.plan import LOOK_LIMIT, Jitter, Policy, passed, plan, prompt, upcoming
from kronstream.domain.run import Skip
from kronstream.domain.schedule import CronSchedule, Every, Once, Schedule

NOW = 1_800_000_000_000
DAY = 86_400_000


@dataclass(frozen=True)
class Listed:
    """A schedule of exactly these instants."""

    instants: tuple[int, ...]

    @property
    def granule(self) -> int:
        return 1

    def after(self, instant: int) -> int | None:
        return next((at for at in self.instants if at > instant), None)

    def count(self, after: int, until: int, limit: int) -> tuple[int, bool]:
        number = sum(after < at <= until for at in self.instants)
        return min(number, limit), number <= limit


EXPRESSIONS = ("* * * * *", "*/5 * * * *", "30 2 * * *", "0 9-17 * * 1-5", "15 */6 1,15 * *", "0 0 29 2 *")
ZONES = ("UTC", "America/New_York", "Australia/Lord_Howe")

listed = st.lists(st.integers(NOW - 2 * DAY, NOW + DAY), max_size=40, unique=True).map(
    lambda instants: Listed(tuple(sorted(instants)))
)
every = st.builds(Every, st.integers(60_000, 7 * DAY), st.integers(NOW - 9 * DAY, NOW + DAY))
crons = st.builds(
    lambda text, zone: CronSchedule(cron.parse(text, zone)), st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES)
)
once = st.builds(Once, st.integers(NOW - 2 * DAY, NOW + DAY))
schedules: st.SearchStrategy[Schedule] = st.one_of(listed, every, crons, once)
durations = st.integers(0, 2 * DAY) | st.sampled_from([0, 1, 60_000, 3_600_000])
policies = st.builds(
    Policy,
    grace=st.integers(0, 7_200_000),
    catch_up=st.sampled_from(["None", "Latest", "All"]),
    window=durations,
    max_runs=st.integers(0, 50),
    starting_deadline=st.none() | durations,
)
cursors = st.integers(NOW - 2 * DAY, NOW + 60_000)


def between(schedule: Schedule, after: int, until: int) -> list[int]:
    """Every instant in (after, until], one by one."""
    found, at = [], schedule.after(after)
    while at is not None and at <= until:
        found.append(at)
        at = schedule.after(at)
    return found


@given(schedules, cursors, policies)
def test_every_instant_is_accounted_for_once(schedule: Schedule, cursor: int, policy: Policy) -> None:
    owed = plan(schedule, cursor, NOW, policy)
    instants = between(schedule, cursor, NOW)
    for at in instants:
        skipped = sum(skip.first <= at <= skip.last for skip in owed.skipped)
        assert (at in owed.due) + skipped == 1
    assert set(owed.due) <= set(instants)
    assert list(owed.due) == sorted(set(owed.due))
    for skip in owed.skipped:
        number = sum(skip.first <= at <= skip.last for at in instants)
        assert skip.first in instants
        assert (skip.count == number) if skip.exact else (0 < skip.count < number)
    assert owed.idle == (not instants)


@given(schedules, cursors, policies)
def test_the_cursor_moves_to_the_present_and_no_further(schedule: Schedule, cursor: int, policy: Policy) -> None:
    owed = plan(schedule, cursor, NOW, policy)
    assert cursor <= owed.cursor <= max(cursor, NOW)
    assert owed.next == schedule.after(max(cursor, NOW))
    assert owed.next is None or owed.next > max(owed.cursor, NOW)
    again = plan(schedule, owed.cursor, NOW, policy)
    assert again.idle
    assert (again.cursor, again.next) == (owed.cursor, owed.next)


@given(schedules, cursors, policies)
def test_policies_are_kept(schedule: Schedule, cursor: int, policy: Policy) -> None:
    owed = plan(schedule, cursor, NOW, policy)
    late = [at for at in between(schedule, cursor, NOW) if at >= NOW - policy.grace]
    older = [at for at in between(schedule, max(cursor, NOW - policy.window - 1), NOW) if at < NOW - policy.grace]
    keep = {"None": 0, "Latest": 1, "All": policy.max_runs}[policy.catch_up]
    wanted = [*older[max(len(older) - keep, 0) :], *late]
    if policy.starting_deadline is not None:
        wanted = [at for at in wanted if NOW - at <= policy.starting_deadline]
    assert list(owed.due) == wanted
    reasons = {skip.reason for skip in owed.skipped}
    assert reasons <= {Skip.MISSED, Skip.DEADLINE}
    assert policy.starting_deadline is not None or Skip.DEADLINE not in reasons


@given(schedules, cursors, policies, st.lists(st.integers(1, 7_200_000), min_size=1, max_size=6))
def test_ticking_on_owes_every_instant_once(
    schedule: Schedule, cursor: int, policy: Policy, steps: Sequence[int]
) -> None:
    start, now = cursor, NOW - DAY
    due: list[int] = []
    skipped = 0
    for step in steps:
        now += step
        owed = plan(schedule, cursor, now, policy)
        due += owed.due
        skipped += sum(skip.count for skip in owed.skipped if skip.exact)
        cursor = owed.cursor
        if any(not skip.exact for skip in owed.skipped):
            return
    assert due == sorted(set(due))
    assert len(due) + skipped == len(between(schedule, start, now))


@given(st.integers(1, 60_000), st.integers(0, NOW), policies)
def test_a_plan_is_bounded(interval: int, cursor: int, policy: Policy) -> None:
    schedule = Every(interval, 0)
    owed = plan(schedule, cursor, NOW, policy)
    assert len(owed.due) <= LOOK_LIMIT + 1
    assert len(owed.skipped) <= 3
    counted = sum(skip.count for skip in owed.skipped)
    assert counted + len(owed.due) == schedule.count(cursor, NOW, 0)[0]


@given(schedules, cursors)
def test_what_passed_holds_exactly_the_instants(schedule: Schedule, cursor: int) -> None:
    instants = between(schedule, cursor, NOW)
    skips = passed(schedule, cursor, NOW, Skip.EDITED)
    assert len(skips) == bool(instants)
    for skip in skips:
        assert skip.first == instants[0]
        assert skip.first <= instants[-1] <= skip.last
        assert skip.count == (len(instants) if skip.exact else 1000)


@given(schedules, cursors, st.integers(0, 8))
def test_upcoming_follows_the_schedule(schedule: Schedule, cursor: int, number: int) -> None:
    found = upcoming(schedule, cursor, number)
    assert len(found) <= number
    for before, at in zip((cursor, *found), found, strict=False):
        assert at == schedule.after(before)


def jitter_of(span: int) -> Jitter:
    return Jitter(span, lambda nominal, following: jittering.delay("default/job", nominal, span, following))


def due_at(schedule: Schedule, nominal: int, jitter: Jitter) -> int:
    return nominal + jitter.delay(nominal, schedule.after(nominal))


spans = st.sampled_from([0, 1, 1_000, 60_000, 3_600_000, DAY])


@given(schedules, cursors, policies, spans)
def test_with_a_jitter_every_due_instant_is_accounted_for_once(
    schedule: Schedule, cursor: int, policy: Policy, span: int
) -> None:
    jitter = jitter_of(span)
    owed = plan(schedule, cursor, NOW, policy, jitter)
    instants = between(schedule, cursor, NOW)
    due = [at for at in instants if due_at(schedule, at, jitter) <= NOW]
    for at in due:
        assert (at in owed.due) + sum(skip.first <= at <= skip.last for skip in owed.skipped) == 1
    # what is not due yet is the last one, and it is next
    assert instants[: len(due)] == due
    assert len(instants) - len(due) <= 1
    assert owed.next == (instants[len(due)] if len(due) < len(instants) else schedule.after(max(cursor, NOW)))
    assert all(at <= owed.cursor for at in due)
    assert owed.next is None or owed.next > owed.cursor


@given(schedules, cursors, policies, spans)
def test_a_jitter_keeps_the_order_and_its_bound(schedule: Schedule, cursor: int, policy: Policy, span: int) -> None:
    owed = plan(schedule, cursor, NOW, policy, jitter_of(span))
    assert len(owed.delays) == len(owed.due)
    starts = [nominal + delay for nominal, delay in zip(owed.due, owed.delays, strict=True)]
    assert all(0 <= delay <= span for delay in owed.delays)
    assert starts == sorted(starts)
    assert all(start <= NOW for start in starts)
    late = [start for start in starts if start < NOW - policy.grace]
    assert all(start >= NOW - policy.window for start in late)
    assert len(late) <= {"None": 0, "Latest": 1, "All": policy.max_runs}[policy.catch_up]


@given(schedules, st.integers(NOW - 120_000, NOW), policies, st.none() | spans)
def test_what_is_on_time_is_planned_alike_without_looking_further(
    schedule: Schedule, cursor: int, policy: Policy, span: int | None
) -> None:
    jitter = None if span is None else jitter_of(span)
    first = schedule.after(cursor)
    if first is None:
        return
    due = first if jitter is None else due_at(schedule, first, jitter)
    quick = prompt(schedule, first, due, NOW, policy)
    whole = plan(schedule, cursor, NOW, policy, jitter)
    if quick is not None:
        assert (quick.due, quick.skipped, quick.cursor) == (whole.due, whole.skipped, whole.cursor)
        assert sum(quick.delays) == sum(whole.delays)
