"""Backfills: runs for instants of the past, previewed, at a pace, listed, cancellable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kronstream.domain.duration import render as duration
from kronstream.domain.run import digest
from kronstream.domain.schedule import Schedule
from kronstream.operations.refused import Refused, Why, gone, no_backfill
from kronstream.operations.runs import schedule_of
from kronstream.ports import Backfill, Change, Requests
from kronstream.resources.instant import render

MAX_RUNS = 10_000
MAX_CONCURRENT = 1_000
MAX_INTERVAL = 86_400_000
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Preview:
    """What a backfill would run: how many instants, and the first of them, at most a hundred."""

    total: int
    instants: tuple[int, ...]


class Backfills:
    """A backfill is kept in the store and carried on by any operator: it outlives who began it."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    async def preview(self, uid: str, begin: int, end: int, max_runs: int = MAX_RUNS) -> Preview:
        """The instants of the schedule from ``begin`` to ``end`` (milliseconds), both included. Raises Refused."""
        return (await self._judged(uid, begin, end, max_runs))[1]

    async def start(
        self,
        uid: str,
        key: str,
        begin: int,
        end: int,
        *,
        interval: int = 0,
        concurrent: int = 1,
        max_runs: int = MAX_RUNS,
        by: str = "",
    ) -> Backfill:
        """Begin a backfill: at least ``interval`` milliseconds between two starts, ``concurrent`` runs at a time.

        The same key begins one backfill. Limits and groups of the job hold for its runs: one that finds no room is
        started later. Raises Refused.
        """
        if not 0 <= interval <= MAX_INTERVAL:
            raise Refused(Why.INVALID, f"interval: write a duration from 0s to {duration(MAX_INTERVAL)}")
        if not 1 <= concurrent <= MAX_CONCURRENT:
            raise Refused(Why.INVALID, f"concurrent: write a number from 1 to {MAX_CONCURRENT}")
        when, preview = await self._judged(uid, begin, end, max_runs)
        if not preview.total:
            raise Refused(Why.INVALID, f"nothing was due from {render(begin)} to {render(end)}")
        backfill = Backfill(
            id=digest(uid, key)[:8],
            uid=uid,
            when=when,
            begin=begin,
            end=end,
            cursor=begin - 1,
            interval=interval,
            concurrent=concurrent,
            total=preview.total,
            by=by,
        )
        answer = await self._requests.create_backfill(backfill)
        if answer is Change.GONE:
            raise gone(f"job {uid}")
        if answer is Change.FULL:
            raise Refused(Why.CONFLICT, "as many backfills of this job are running as there may be; cancel one or wait")
        known = await self.get(backfill.id)
        if known.uid != uid:
            # the identity has few digits, so that those of its runs fit a label
            raise Refused(Why.CONFLICT, "a backfill of another job has this identity; ask with another key")
        return known

    async def get(self, backfill: str) -> Backfill:
        """A backfill; raises Refused when there is none."""
        found = await self._requests.backfill(backfill)
        if found is None:
            raise no_backfill(backfill)
        return found

    async def of_job(self, uid: str) -> Sequence[Backfill]:
        """The backfills of a job, the newest first."""
        return await self._requests.backfills_of(uid)

    async def cancel(self, backfill: str, by: str) -> bool:
        """Start no more runs; those that were started go on. False when it was over. Raises Refused."""
        answer = await self._requests.cancel_backfill(backfill, by)
        if answer is Change.GONE:
            raise no_backfill(backfill)
        return answer is Change.OK

    async def due(self, limit: int) -> Sequence[Backfill]:
        """Running backfills that want attention."""
        return await self._requests.backfills_due(limit)

    async def step(self, epoch: str, backfill: Backfill, holds: Callable[[int], bool]) -> str:
        """Start the next run of a backfill, if its pace allows; instants for which ``holds`` is False are passed over.

        Answers as ``Requests.step_backfill``. Raises Epoch, and Refused for a schedule that this version cannot read.
        """
        schedule = schedule_of(backfill.when)
        at = schedule.after(backfill.cursor) if schedule is not None else None
        while schedule is not None and at is not None and at <= backfill.end and not holds(at):
            at = schedule.after(at)
        return await self._requests.step_backfill(
            epoch, backfill, at if at is not None and at <= backfill.end else None
        )

    async def _judged(self, uid: str, begin: int, end: int, max_runs: int) -> tuple[str, Preview]:
        stored = await self._requests.stored(uid)
        if stored is None:
            raise gone(f"job {uid}")
        schedule = schedule_of(stored.when)
        if schedule is None:
            raise Refused(Why.CONFLICT, "the job has no schedule, so that nothing was due; run it now instead")
        now = await self._requests.now()
        if end < begin:
            raise Refused(Why.INVALID, f"to: {render(end)} is earlier than from, {render(begin)}")
        if end > now:
            raise Refused(Why.INVALID, f"to: {render(end)} lies ahead; what is due then runs by itself")
        if not 1 <= max_runs <= MAX_RUNS:
            raise Refused(Why.INVALID, f"max_runs: write a number from 1 to {MAX_RUNS}")
        total, exact = schedule.count(begin - 1, end, max_runs)
        if not exact or total > max_runs:
            raise Refused(Why.INVALID, f"more than {max_runs} runs were due; choose a shorter range")
        return stored.when, Preview(total, first(schedule, begin, end, SHOWN))


def first(schedule: Schedule, begin: int, end: int, number: int) -> tuple[int, ...]:
    """The first instants of a range, at most ``number``."""
    found: list[int] = []
    at = schedule.after(begin - 1)
    while at is not None and at <= end and len(found) < number:
        found.append(at)
        at = schedule.after(at)
    return tuple(found)
