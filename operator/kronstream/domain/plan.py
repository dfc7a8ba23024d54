"""What a job owes at an instant: a pure function of its schedule, its cursor, the present and its policies.

Instants up to ``grace`` late are late, not missed: all of them run, in order. Older ones are governed by catch-up.
With a jitter an instant is due some time after its nominal instant and before the next one; it is late from then on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from kronstream.domain.run import Skip
from kronstream.domain.schedule import Once, Schedule

# how far a count of what nobody will run is exact; beyond it the count says "at least"
COUNT_LIMIT = 1000
# how many instants one plan looks at one by one; what is older than that many is counted as missed
LOOK_LIMIT = 5000
EXPIRY = 60_000

Delay = Callable[[int, int | None], int]
"""Milliseconds by which the jitter puts off a nominal instant, given the following one (see ``jitter.delay``)."""


@dataclass(frozen=True, slots=True)
class Jitter:
    """How a job's instants are put off: by ``delay``, never by more than ``span`` milliseconds."""

    span: int
    delay: Delay


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do with instants that were not run in time; milliseconds."""

    grace: int = 60_000
    catch_up: Literal["None", "Latest", "All"] = "Latest"
    window: int = 3_600_000
    max_runs: int = 100
    starting_deadline: int | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """Instants that make no run: how many (``exact`` or at least), the first and the last of them, and why."""

    reason: Skip
    count: int
    first: int
    last: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """``due`` nominal instants to dispatch in order; ``cursor`` once that is done; ``next`` instant after it.

    ``delays`` are those of the due instants, empty without a jitter.
    """

    due: tuple[int, ...]
    skipped: tuple[Skipped, ...]
    cursor: int
    next: int | None
    delays: tuple[int, ...] = ()

    @property
    def idle(self) -> bool:
        """True when there is nothing to write."""
        return not self.due and not self.skipped


def plan(schedule: Schedule, cursor: int, now: int, policy: Policy, jitter: Jitter | None = None) -> Plan:
    """Everything in (cursor, now]: what runs, what is skipped and why, and where the cursor goes."""
    first = schedule.after(cursor)
    if first is None or first > now:
        return Plan((), (), cursor, first)
    span = jitter.span if jitter is not None else 0
    reach = _reach(schedule, cursor, now, policy, span)
    skipped = [*passed(schedule, cursor, reach - 1, Skip.MISSED)]
    owed, following = _owed(schedule, max(cursor, reach - 1), now, jitter)
    older = [one for one in owed if one.due < now - policy.grace]
    late = owed[len(older) :]
    chosen, dropped = _catch_up(older, policy, now)
    skipped = _together([*skipped, *_range(Skip.MISSED, dropped)])
    runs = [*chosen, *late]
    forbidden = [
        one for one in runs if policy.starting_deadline is not None and now - one.due > policy.starting_deadline
    ]
    skipped += _range(Skip.DEADLINE, forbidden)
    runs = runs[len(forbidden) :]
    seen = owed[-1].nominal if owed else skipped[-1].last if skipped else cursor
    delays = tuple(one.due - one.nominal for one in runs) if jitter is not None else ()
    return Plan(tuple(one.nominal for one in runs), tuple(skipped), seen, following, delays)


def prompt(schedule: Schedule, first: int, due: int, now: int, policy: Policy) -> Plan | None:
    """The plan of a job that is on time, made without looking for another instant; None when it must be looked for.

    ``first`` is the instant after the cursor, ``due`` the same with its jitter. So a run is dispatched before the next
    one is computed.
    """
    deadline = policy.grace if policy.starting_deadline is None else min(policy.grace, policy.starting_deadline)
    if now < due or now - due > deadline or now - first >= schedule.granule:
        return None
    return Plan((first,), (), first, None, (due - first,) if due > first else ())


def plan_once(once: Once, cursor: int, created: int, now: int, policy: Policy) -> Plan:
    """The one run of a one-time job that has not been handled yet.

    It is late however late it is, unless ``starting_deadline`` forbids. A job that was created more than a minute
    after its own instant expires without a run, and so does one whose instant an edit or a pause left behind the
    cursor (there it was counted already, so the count is 0).
    """
    if once.at <= cursor:
        return Plan((), (Skipped(Skip.EXPIRED, 0, once.at, once.at),), cursor, None)
    if created - once.at > EXPIRY:
        return Plan((), (Skipped(Skip.EXPIRED, 1, once.at, once.at),), once.at, None)
    if once.at > now:
        return Plan((), (), cursor, once.at)
    if policy.starting_deadline is not None and now - once.at > policy.starting_deadline:
        return Plan((), (Skipped(Skip.DEADLINE, 1, once.at, once.at),), once.at, None)
    return Plan((once.at,), (), once.at, None)


def passed(schedule: Schedule, cursor: int, now: int, reason: Skip) -> tuple[Skipped, ...]:
    """What an edit or a pause left behind: the instants in (cursor, now] as one skipped range."""
    first = schedule.after(cursor)
    if first is None or first > now:
        return ()
    number, exact = schedule.count(cursor, now, COUNT_LIMIT)
    return (Skipped(reason, number, first, now, exact),)


def upcoming(schedule: Schedule, after: int, number: int) -> tuple[int, ...]:
    """The next instants after the given one, at most ``number``."""
    found: list[int] = []
    at = schedule.after(after)
    while at is not None and len(found) < number:
        found.append(at)
        at = schedule.after(at)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Owed:
    nominal: int
    due: int


def _reach(schedule: Schedule, cursor: int, now: int, policy: Policy, span: int) -> int:
    """The oldest instant that may still run: the catch-up window, shortened where it holds too many instants."""
    oldest = now - span - (policy.grace if policy.catch_up == "None" else max(policy.grace, policy.window))
    if schedule.count(max(cursor, oldest - 1), now, LOOK_LIMIT)[0] < LOOK_LIMIT:
        return oldest
    return max(oldest, now - LOOK_LIMIT * schedule.granule)


def _owed(schedule: Schedule, after: int, now: int, jitter: Jitter | None) -> tuple[list[_Owed], int | None]:
    """Instants after ``after`` that are due, and the one that follows them."""
    found: list[_Owed] = []
    at = schedule.after(after)
    while at is not None and at <= now:
        following = schedule.after(at)
        due = at + jitter.delay(at, following) if jitter is not None else at
        if due > now:
            break
        found.append(_Owed(at, due))
        at = following
    return found, at


def _catch_up(older: list[_Owed], policy: Policy, now: int) -> tuple[list[_Owed], list[_Owed]]:
    # with a jitter some may be older than the window by when they were due
    recent = [one for one in older if one.due >= now - policy.window]
    keep = min({"None": 0, "Latest": 1, "All": policy.max_runs}[policy.catch_up], len(recent))
    split = len(older) - keep
    return older[split:], older[:split]


def _range(reason: Skip, dropped: Sequence[_Owed]) -> tuple[Skipped, ...]:
    return (Skipped(reason, len(dropped), dropped[0].nominal, dropped[-1].nominal),) if dropped else ()


def _together(ranges: Sequence[Skipped]) -> list[Skipped]:
    """Ranges of one reason that follow each other as one, so that one story is told of them."""
    if len(ranges) < 2:
        return list(ranges)
    first, last = ranges[0], ranges[-1]
    exact = all(one.exact for one in ranges)
    return [Skipped(first.reason, sum(one.count for one in ranges), first.first, last.last, exact)]
