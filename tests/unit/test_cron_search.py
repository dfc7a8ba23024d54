"""The search for the next instant: right in made-up zones, against the list of all times, and never long."""

from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kronstream.domain import cron, dst
from kronstream.domain.dst import Gap, Repeat
from kronstream.domain.fields import read, wall
from kronstream.domain.wall import Wall
from kronstream.domain.zone import Span, Zone, load

QUARTER = 900
HOUR = 3600
DAY = 86_400
MONDAY = 1_790_553_600  # 2026-09-28T00:00Z
EVER = 10**12


class MadeZone(Zone):
    """A zone whose offset, from the first instant on, is what the changes say."""

    def __init__(self, changes: list[tuple[int, int]]) -> None:
        bounds = [-EVER, *(at for at, _ in changes), EVER]
        offsets = [0, *(offset for _, offset in changes)]
        self.made = [Span(a, b, offset) for (a, b), offset in zip(pairwise(bounds), offsets, strict=True)]

    def span(self, instant: int) -> Span:
        return next(span for span in self.made if span.start <= instant < span.end)


def times(expression: str) -> Wall:
    fields = ["0", *expression.split()]
    return wall(fields, ["0", *(read(field, text) for field, text in zip(cron.FIVE, fields[1:], strict=True))])


def expected(zone: MadeZone, found: Wall, begin: int, end: int, gap: Gap, repeat: Repeat) -> list[int]:
    """Every due instant in (begin, end), by the list of all quarters of hours and what the clock shows at each."""
    wide = range(begin - 3 * DAY, end + 3 * DAY, QUARTER)
    shown: dict[int, list[int]] = {}
    for at in wide:
        shown.setdefault(at + zone.span(at).offset, []).append(at)
    due = set()
    for wall_time in range(begin - 4 * DAY, end + 4 * DAY, QUARTER):
        if found.following(wall_time) != wall_time:
            continue
        if passes := shown.get(wall_time):
            due.update(passes if repeat == "Both" else passes[:1])
        elif gap == "RunAfter":
            # the first change that skips it
            due.update(
                [b.start for a, b in pairwise(zone.made) if a.end + a.offset <= wall_time < b.start + b.offset][:1]
            )
    return sorted(at for at in due if begin < at < end)


changes = st.lists(
    st.tuples(st.integers(1, 200), st.sampled_from([-24, -3, -2, -1, 0, 1, 2, 4, 24])), min_size=1, max_size=4
)


@given(
    changes,
    st.sampled_from(
        ["30 * * * *", "0 0 * * *", "15,45 */3 * * *", "30 2 29 * *", "0 12 * * 3", "45 23 28-31 * *", "0 0 1 1 *"]
    ),
    st.sampled_from(["RunAfter", "Skip"]),
    st.sampled_from(["First", "Both"]),
)
# what a gap skipped is shown later, by a clock that goes back behind the gap
@example([(1, 24), (144, 24), (36, -24)], "0 12 * * 3", "RunAfter", "First")
# what two gaps skipped runs after the first of them
@example([(40, 4), (1, -4), (1, 4)], "0 11 * * *", "RunAfter", "First")
def test_every_instant_is_found_however_close_the_changes(
    steps: list[tuple[int, int]], expression: str, gap: Gap, repeat: Repeat
) -> None:
    at, offset, made = MONDAY, 0, []
    for distance, shift in steps:
        # offsets stay within a day of UTC, as they do on earth
        at += distance * QUARTER
        offset = max(-24 * HOUR, min(24 * HOUR, offset + shift * HOUR // 2))
        made.append((at, offset))
    zone, found = MadeZone(made), times(expression)
    begin, end = MONDAY - 3 * HOUR, at + 2 * DAY
    instants, second = [], dst.following(found, zone, begin, gap, repeat)
    while second is not None and second < end:
        instants.append(second)
        second = dst.following(found, zone, second, gap, repeat)
    due = expected(zone, found, begin, end, gap, repeat)
    assert instants == due
    for start in range(begin, end, 7 * QUARTER):
        later = [instant for instant in due if instant > start]
        assert not later or dst.following(found, zone, start, gap, repeat) == later[0]


@given(st.integers(MONDAY - 400 * DAY, MONDAY + 400 * DAY), st.sampled_from(["Pacific/Apia", "Africa/Cairo", "UTC"]))
def test_where_the_search_begins_changes_nothing(second: int, name: str) -> None:
    found, zone = times("0,30 0-3 * * *"), load(name)
    following = dst.following(found, zone, second, "RunAfter", "First")
    assert following is not None
    assert following > second
    assert dst.following(found, zone, following - 1, "RunAfter", "First") == following


class Steps:
    """Counts what the search asks of the zone and of the wall clock."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.number = 0
        for owner, name in ((Zone, "span"), (Wall, "following")):
            patch.setattr(owner, name, self.counted(getattr(owner, name)))

    def counted(self, function):
        def counting(*arguments: object) -> object:
            self.number += 1
            return function(*arguments)

        return counting


piece = st.sampled_from(
    [*"0123456789*/,-?#LWH ()", "MON", "dec", "1-5", "*/7", "59", "23", "31", "L5", "5#2", "15W", "29 2", " * * "]
)
shaped = st.lists(
    st.lists(st.sampled_from(["*", "*/2", "0", "7", "29-31", "2", "L", "31W", "5#5", "L0", "50-3/7"]), max_size=3).map(
        ",".join
    ),
    min_size=5,
    max_size=6,
).map(" ".join)
texts = st.lists(piece, max_size=400).map("".join) | st.text(max_size=60) | shaped


@given(
    texts,
    st.sampled_from(["UTC", "America/New_York", "Pacific/Apia"]),
    st.sampled_from(["RunAfter", "Skip"]),
    st.sampled_from(["First", "Both"]),
)
def test_any_text_is_taken_or_refused_in_few_steps(text: str, zone: str, gap: Gap, repeat: Repeat) -> None:
    with pytest.MonkeyPatch.context() as patch:
        steps = Steps(patch)
        try:
            parsed = cron.parse(cron.resolve(text[:1000], "team/job"), zone, gap, repeat)
        except ValueError:
            return
        found = parsed.next_second(MONDAY)
    assert steps.number < 100
    if parsed.never:
        assert found is None
    elif found is not None:
        assert found > MONDAY


def test_what_lies_in_a_gap_each_time_is_looked_for_for_a_hundred_years(monkeypatch: pytest.MonkeyPatch) -> None:
    # the clocks of New York go forward at 02:00 on the second Sunday of March
    steps = Steps(monkeypatch)
    assert cron.parse("30 2 * 3 SUN#2", "America/New_York", "Skip").next_second(MONDAY) is None
    assert steps.number < 2000
    assert cron.parse("30 2 * 3 SUN#2", "America/New_York").next_second(MONDAY) is not None


def test_no_year_is_looked_at_in_which_nothing_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps(monkeypatch)
    # from a 29 February that is a Sunday to the next, 28 years and 56 changes of the clocks
    found = cron.parse("0 0 29 2 */7", "America/New_York").next_second(1_961_647_200)
    assert found is not None
    assert found > 1_961_647_200 + 27 * 365 * DAY
    assert steps.number < 12


def test_a_longest_text_is_one_search() -> None:
    text = ",".join(f"{low}-{low + 1}" for low in range(10, 58)) + " " + ",".join(["*/7"] * 150) + " * * *"
    assert 600 < len(text) <= 1000
    parsed = cron.parse(text)
    assert parsed.after(MONDAY * 1000) == MONDAY * 1000 + 600_000


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize("expression", ["0 0 * * *", "0 * * * *"])
def test_there_is_an_end_and_a_beginning_of_time(zone: str, expression: str) -> None:
    parsed, end, begin = cron.parse(expression, zone), 253_086_681_600_000, -62_000_000_000_000
    assert parsed.after(end) is None
    assert parsed.after(10**18) is None
    last = parsed.after(end - 2 * DAY * 1000)
    assert last is not None
    assert last < end
    early = parsed.after(-(10**17))
    assert early is not None
    assert begin < early <= begin + DAY * 1000
    # the last matching times of a wall clock that is behind UTC are past the end of dates
    assert parsed.after(end - 1) is None or zone != "UTC"


def test_what_comes_rarely_is_found() -> None:
    def second(text: str) -> int:
        return int(datetime.fromisoformat(text).timestamp())

    parsed = cron.parse("0 0 29 2 *")
    assert parsed.next_second(second("2096-02-29T00:00Z")) == second("2104-02-29T00:00Z")
    # a Sunday that is the 29th of February, over the year 2100 that has none
    parsed = cron.parse("0 0 29 2 */7")
    assert parsed.next_second(second("2088-02-29T00:00Z")) == second("2128-02-29T00:00Z")
