"""What a schedule will do from an instant on, with what a person wonders about: changed clocks, exclusions, jitter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from kronstream.domain import cron, jitter, zone
from kronstream.domain.exclusion import holding
from kronstream.domain.schedule import Schedule
from kronstream.domain.when import When
from kronstream.domain.zone import Zone

# how many instants that are left out are looked at between two runs; beyond it the count says "at least"
LOOKS = 1_000
# how many times that do not exist are named
NAMED = 3
# the passes of a repeated time are less than this apart
_NEAR = 26 * 3_600


@dataclass(frozen=True, slots=True)
class Row:
    """An instant that runs, or with `skipped` the reason why `count` instants from `at` to `last` do not.

    `starts` is `at` with the job's jitter; all in milliseconds. `exact` is False when there may be more than `count`.
    """

    at: int
    starts: int
    notes: tuple[str, ...] = ()
    skipped: str = ""
    count: int = 1
    last: int = 0
    exact: bool = True


def rows(when: When, schedule: Schedule, identity: str, spread: int, start: int, number: int) -> Iterator[Row]:
    """The next `number` runs after `start`, and between them what is left out.

    `schedule` is that of `when`, `identity` the job's `namespace/name`, `spread` its jitter in milliseconds.
    """
    hidden = _Hidden(when)
    cursor, at = start, schedule.after(start)
    for _ in range(number):
        yield from hidden.between(cursor, at)
        if at is None:
            return
        following = schedule.after(at)
        starts = at + (jitter.delay(identity, at, spread, following) if spread else 0)
        yield Row(at, starts, tuple(_marks(when, schedule, at)), last=at)
        cursor, at = at, following


def local(name: str, at: int) -> datetime:
    """An instant as the clocks of a zone show it, with its offset."""
    offset = timedelta(seconds=zone.load(name).offset(at // 1000))
    return datetime.fromtimestamp(at // 1000, timezone(offset)) + timedelta(milliseconds=at % 1000)


class _Hidden:
    """What a schedule leaves out that it would have without exclusions and without a skipped gap."""

    def __init__(self, when: When) -> None:
        self._when = when
        self._plain = replace(when, exclude=()).schedule()
        skips = when.gap == "Skip"
        self._all = replace(when, exclude=(), gap="RunAfter").schedule() if skips or when.exclude else None

    def between(self, after: int, until: int | None) -> Iterator[Row]:
        """The rows of what lies between two instants that run, equal reasons in one row."""
        row: Row | None = None
        at, looked = (self._all.after(after) if self._all else None), 0
        while at is not None and (until is None or at < until) and looked < LOOKS:
            why = self._why(at)
            if row is not None and row.skipped == why:
                row = replace(row, count=row.count + 1, last=at)
            else:
                if row is not None:
                    yield row
                row = Row(at, at, skipped=why, last=at)
            looked += 1
            at = self._all.after(at) if self._all else None
        if row is not None:
            yield replace(row, exact=at is None or (until is not None and at >= until))

    def _why(self, at: int) -> str:
        if self._plain is None or self._plain.after(at - 1) != at:
            return f"{_gone(self._when, at)}, and dst.gap is Skip"
        return f"excluded by {holding(self._when.exclude, self._when.zone or 'UTC', at)}"


def _marks(when: When, schedule: Schedule, at: int) -> Iterator[str]:
    """What changed clocks have to do with an instant."""
    if when.zone is None or (when.cron, when.crons, when.rrule) == (None, (), None):
        return
    if when.gap == "RunAfter" and (gone := _gone(when, at)):
        yield f"{gone}, runs at {local(when.zone, at):%H:%M}"
    found = zone.load(when.zone)
    second = at // 1000
    offset = found.offset(second)
    for other in {found.offset(second - _NEAR), found.offset(second + _NEAR)} - {offset}:
        twin = second + offset - other
        if found.offset(twin) != other:
            continue
        mine, its = ("first", "second") if second < twin else ("second", "first")
        alone = schedule.after(twin * 1000 - 1) != twin * 1000
        yield f"{mine} of two {local(when.zone, at):%H:%M}" + (f", the {its} does not run" if alone else "")


def _gone(when: When, at: int) -> str:
    """The times of day that an instant stands for because they do not exist; empty when there are none."""
    found = zone.load(when.zone or "UTC")
    times = _lost(when, found, at // 1000)
    if not times:
        return ""
    today = local(found.name, at).date()
    texts = [f"{time:%H:%M}" if time.date() == today else f"{time:%Y-%m-%d %H:%M}" for time in times]
    shown = ", ".join(texts[:NAMED]) + (" …" if len(texts) > NAMED else "")
    return f"clocks go forward: {shown} {'does' if len(texts) == 1 else 'do'} not exist"


def _lost(when: When, found: Zone, second: int) -> list[datetime]:
    """The due wall-clock times inside the gap that ends at a second, a few of them."""
    before, offset = found.offset(second - 1), found.offset(second)
    times: set[datetime] = set()
    for form in _forms(when) if before < offset else ():
        # the clock on the wall, without a zone, is a clock in UTC
        wall = replace(form, zone="UTC", exclude=(), not_before=None, not_after=None).schedule()
        time = wall.after((second + before) * 1000 - 1) if wall else None
        while wall and time is not None and time < (second + offset) * 1000 and len(times) <= NAMED:
            times.add(local("UTC", time))
            time = wall.after(time)
    return sorted(times)


def _forms(when: When) -> list[When]:
    """The parts of a when that mean a time of day, each by itself; what goes by elapsed time is none."""
    texts = when.crons or (() if when.cron is None else (when.cron,))
    fixed = [text for text in texts if not cron.parse(text, when.zone or "UTC").elapsed]
    rules = [] if when.rrule is None else [when]
    return [replace(when, cron=text, crons=()) for text in fixed] + rules
