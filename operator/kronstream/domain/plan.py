"""What a job owes at an instant: a pure function of its schedule, its cursor, the present and its policies.

Instants up to ``grace`` late are late, not missed: all of them run, in order. Older ones are governed by catch-up.
"""

from dataclasses import dataclass
from typing import Literal

from kronstream.domain.run import Skip
from kronstream.domain.schedule import Once, Schedule

# how far a count of what nobody will run is exact; beyond it the count says "at least"
COUNT_LIMIT = 1000
# how many instants one plan looks at one by one; what is older than that many is counted as missed
LOOK_LIMIT = 5000
EXPIRY = 60_000


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
    """``due`` nominal instants to dispatch in order; ``cursor`` once that is done; ``next`` instant after it."""

    due: tuple[int, ...]
    skipped: tuple[Skipped, ...]
    cursor: int
    next: int | None

    @property
    def idle(self) -> bool:
        """True when there is nothing to write."""
        return not self.due and not self.skipped


def plan(schedule: Schedule, cursor: int, now: int, policy: Policy) -> Plan:
    """Everything in (cursor, now]: what runs, what is skipped and why, and where the cursor goes."""
    first = schedule.after(cursor)
    if first is None or first > now:
        return Plan((), (), cursor, first)
    horizon = now - policy.grace
    reach = _reach(schedule, cursor, now, policy)
    skipped = list(passed(schedule, cursor, reach - 1, Skip.MISSED))
    older, late, following = _instants(schedule, max(cursor, reach - 1), now, horizon)
    chosen, dropped = _catch_up(older, policy)
    skipped += _range(Skip.MISSED, dropped)
    runs = [*chosen, *late]
    forbidden = [at for at in runs if policy.starting_deadline is not None and now - at > policy.starting_deadline]
    skipped += _range(Skip.DEADLINE, forbidden)
    due = tuple(runs[len(forbidden) :])
    seen = (late or older or [skipped[-1].last if skipped else cursor])[-1]
    return Plan(due, tuple(skipped), seen, following)


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


def _reach(schedule: Schedule, cursor: int, now: int, policy: Policy) -> int:
    """The oldest instant that may still run: the catch-up window, shortened where it holds too many instants."""
    oldest = now - (policy.grace if policy.catch_up == "None" else max(policy.grace, policy.window))
    if schedule.count(max(cursor, oldest - 1), now, LOOK_LIMIT)[0] < LOOK_LIMIT:
        return oldest
    return max(oldest, now - LOOK_LIMIT * schedule.granule)


def _instants(schedule: Schedule, after: int, now: int, horizon: int) -> tuple[list[int], list[int], int | None]:
    """Instants in (after, now] split at the horizon, and the one that follows."""
    older: list[int] = []
    late: list[int] = []
    at = schedule.after(after)
    while at is not None and at <= now:
        (older if at < horizon else late).append(at)
        at = schedule.after(at)
    return older, late, at


def _catch_up(older: list[int], policy: Policy) -> tuple[list[int], list[int]]:
    keep = {"None": 0, "Latest": 1, "All": policy.max_runs}[policy.catch_up]
    split = max(len(older) - keep, 0)
    return older[split:], older[:split]


def _range(reason: Skip, instants: list[int]) -> tuple[Skipped, ...]:
    return (Skipped(reason, len(instants), instants[0], instants[-1]),) if instants else ()
