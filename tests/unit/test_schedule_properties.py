"""What must hold for every schedule, whatever it is made of."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from kronstream.domain import cron, recurrence, zone
from kronstream.domain.exclusion import excluding
from kronstream.domain.schedule import CronSchedule, Every, Once, Schedule, Union, Within

NOW = 1_800_000_000_000
DAY = 86_400_000
EXPRESSIONS = (
    "* * * * *",
    "*/7 * * * *",
    "30 2 * * *",
    "0 9-17 * * 1-5",
    "0 0 29 2 *",
    "0 0 31 2 *",
    "*/20 0 1-3 * * *",
)
ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo")
RULES = (
    "FREQ=DAILY;BYHOUR=2;BYMINUTE=30",
    "FREQ=MINUTELY;INTERVAL=25",
    "FREQ=WEEKLY;COUNT=60",
    "FREQ=MONTHLY;BYDAY=1MO",
)
TEXTS = ("2027-01-16", "2027-01-10/2027-01-14", "* 2 * * *", "* * * * 0,6", "*/2 * * * *")
POLICIES = {"gap": st.sampled_from(["RunAfter", "Skip"]), "repeat": st.sampled_from(["First", "Both"])}
# a day or two round every change of the clocks, and an ordinary day
CURSORS = st.sampled_from(
    [NOW]
    + [
        change.instant * 1000
        for name in ZONES
        for start in (1_735_689_600, 1_751_328_000)
        if (change := zone.load(name).next_transition(start)) is not None
    ]
).flatmap(lambda at: st.integers(at - DAY, at + DAY))

crons = st.builds(
    lambda text, name, gap, repeat: CronSchedule(cron.parse(text, name, gap, repeat)),
    st.sampled_from(EXPRESSIONS),
    st.sampled_from(ZONES),
    **POLICIES,
)
recurrences = st.builds(
    lambda text, name, gap, repeat: recurrence.parse(text, "20260105T090000", name, gap, repeat),
    st.sampled_from(RULES),
    st.sampled_from(ZONES),
    **POLICIES,
)
simple = st.one_of(crons, recurrences, st.builds(Every, st.integers(60_000, DAY), CURSORS), st.builds(Once, CURSORS))
limits = st.none() | CURSORS


def composed(inner: st.SearchStrategy[Schedule]) -> st.SearchStrategy[Schedule]:
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: Union(tuple(parts))),
        st.builds(Within, inner, limits, limits),
    )


unexcluded: st.SearchStrategy[Schedule] = st.recursive(simple, composed, max_leaves=4)
# once, as a spec does: the bound of a search is that of one exclusion, and of one within another it would be the square
excluded = st.builds(excluding, unexcluded, st.lists(st.sampled_from(TEXTS), max_size=3), st.sampled_from(ZONES))
schedules: st.SearchStrategy[Schedule] = st.one_of(unexcluded, excluded, st.builds(Within, excluded, limits, limits))


def listed(schedule: Schedule, after: int, until: int) -> list[int]:
    found, at = [], schedule.after(after)
    while at is not None and at <= until:
        found.append(at)
        at = schedule.after(at)
    return found


@settings(deadline=None)
@given(schedules, CURSORS)
def test_the_next_instant_is_later_and_the_first(schedule: Schedule, cursor: int) -> None:
    following = schedule.after(cursor)
    if following is None:
        assert schedule.why_none(cursor)
        return
    assert following > cursor
    between = (cursor + following) // 2
    assert schedule.after(between) == (following if between < following else schedule.after(following))
    assert schedule.after(following - 1) == following


@settings(deadline=None)
@given(schedules, CURSORS, st.integers(-1, DAY // 4), st.integers(0, 99))
def test_a_count_agrees_with_going_one_by_one(schedule: Schedule, cursor: int, span: int, limit: int) -> None:
    found = listed(schedule, cursor, cursor + span)
    number, exact = schedule.count(cursor, cursor + span, limit)
    assert (number == len(found)) if exact else (number == limit < len(found))
    assert all(second - first >= schedule.granule for first, second in pairwise(found))


@settings(deadline=None)
@given(schedules, schedules, schedules, CURSORS)
def test_a_union_does_not_mind_order_nesting_and_repetition(a: Schedule, b: Schedule, c: Schedule, cursor: int) -> None:
    following = Union((a, b, c)).after(cursor)
    assert Union((c, a, b)).after(cursor) == following
    assert Union((a, Union((b, c)))).after(cursor) == following
    assert Union((a, b, c, b, a)).after(cursor) == following
    assert Union((a,)).after(cursor) == a.after(cursor)


@settings(deadline=None)
@given(unexcluded, CURSORS, limits, limits, st.lists(st.sampled_from(TEXTS), max_size=3), st.sampled_from(ZONES))
def test_limits_and_exclusions_do_not_mind_order(
    inner: Schedule, cursor: int, first: int | None, last: int | None, texts: list[str], name: str
) -> None:
    one = excluding(Within(inner, first, last), texts, name)
    other = Within(excluding(inner, texts[::-1], name), first, last)
    assert one.after(cursor) == other.after(cursor)


@settings(deadline=None)
@given(
    st.sampled_from(["* * * * *", "*/15 * * * *", "0,30 * * * *"]),
    st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "Antarctica/Troll", "Pacific/Apia"]),
    st.integers(1_262_304_000, 1_790_000_000),
    st.builds(lambda gap, repeat: (gap, repeat), **POLICIES),
)
def test_elapsed_time_keeps_its_count_over_any_change(
    text: str, name: str, start: int, policies: tuple[str, str]
) -> None:
    change = zone.load(name).next_transition(start)
    at = (start if change is None else change.instant) * 1000 // 3_600_000 * 3_600_000
    schedule = CronSchedule(cron.parse(text, name, *policies))  # type: ignore[arg-type]
    expected = {"* * * * *": 1440, "*/15 * * * *": 96, "0,30 * * * *": 48}[text]
    assert schedule.count(at - DAY, at + DAY, 9999) == (2 * expected, True)
    assert schedule.count(at - DAY // 2, at + DAY // 2, 9999) == (expected, True)
