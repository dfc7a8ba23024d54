"""Runs that meet, minute by minute, in the store in memory: the timelines of a page about schedules."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from builders import card, dispatch, success
from kronstream.controller.job import read
from kronstream.domain.plan import upcoming
from kronstream.domain.run import Skip, State, Trigger, run_id
from kronstream.ports import Claim
from kronstream.resources import instant
from kronstream.testing import FixedClock, MemoryLedger, MemoryRecords, MemoryRunQueue, MemoryStore

MINUTE = 60_000
EPOCH = "epoch-1"
MIDNIGHT = instant.parse("2026-11-24T00:00:00Z")
OPENS = {"*/10 * * * *": 600 * MINUTE}  # the timelines begin at 10:00, others at midnight
GRACE = 60_000


@dataclass
class Site:
    """One store and one worker with room for all; `length` is how long a run takes, in minutes."""

    length: int
    clock: FixedClock = field(default_factory=lambda: FixedClock(MIDNIGHT))
    began: dict[str, int] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.clock, EPOCH)
        self.ledger = MemoryLedger(self.store)
        self.queue = MemoryRunQueue(self.store, lease=10 * MINUTE)
        self.records = MemoryRecords(self.store)
        self.running: list[Claim] = []

    async def work(self) -> None:
        """What the worker does in a minute: end what is over or cancelled, take what there is."""
        beat = await self.queue.beat(card(), self.running)
        for claim in list(self.running):
            over = self.clock() - self.began[claim.run] >= self.length * MINUTE
            if over or claim.run in beat.cancel:
                state = State.SUCCESS if over else State.CANCELLED
                await self.queue.finish(card(), [success(claim, state=state)])
                self.running.remove(claim)
        for claim in await self.queue.take(card(), "default", 100):
            self.began[claim.run] = self.clock()
            self.running.append(claim)


async def timeline(objects: Sequence[dict[str, Any]], length: int, number: int = 5) -> list[str]:
    """A line for each due instant of each job: when its run went and how it ended, or why there was none."""
    site = Site(length)
    jobs = []
    for place, obj in enumerate(objects):
        meta = {**obj["metadata"], "uid": f"job-{place}", "generation": 1, "creationTimestamp": "2026-11-23T12:00:00Z"}
        begin = MIDNIGHT + OPENS.get(obj["spec"]["schedule"], 0) - 1
        job, adoption = read({**obj, "metadata": meta, "status": {"cursor": instant.render(begin)}}, GRACE)
        assert job.fault is None
        assert job.schedule is not None
        await site.ledger.adopt([adoption])
        jobs.append((job, list(upcoming(job.schedule, begin, number if len(objects) == 1 else 1))))
    lines = {job.uid: dict[int, str]() for job, _ in jobs}
    cursors = {job.uid: MIDNIGHT + OPENS.get(objects[0]["spec"]["schedule"], 0) - 1 for job, _ in jobs}
    site.clock.now = min(due[0] for _, due in jobs)
    while site.running or any(site.clock() <= due[-1] for _, due in jobs):
        await site.work()
        for job, due in jobs:
            if site.clock() in due:
                await site.ledger.dispatch(
                    EPOCH, [dispatch(cursors[job.uid], site.clock(), uid=job.uid, revision=job.revision)]
                )
                cursors[job.uid] = site.clock()
                (state,) = await site.ledger.describe([job.uid])
                assert state is not None
                lines[job.uid][site.clock()] = _skip(state.skipped, lines[job.uid])
        await site.work()
        site.clock.advance(MINUTE)
    for uid, rows in lines.items():
        for nominal in rows:
            rows[nominal] = await _row(site, uid, nominal) or rows[nominal]
    several = len(jobs) > 1
    return [f"{length} minutes"] + [
        f"{_time(nominal)}  {f'{job.name}  ' if several else ''}{lines[job.uid][nominal]}"
        for job, due in jobs
        for nominal in due
    ]


def _skip(skipped: Any, before: dict[int, str]) -> str:
    """The reason that was not counted before."""
    counted = sum(1 for text in before.values() if text.startswith("skipped"))
    now = {reason: count for reason, count in skipped.items() if count}
    return (
        f"skipped: {next(Skip(reason).value for reason in reversed(list(now)))}" if sum(now.values()) > counted else ""
    )


async def _row(site: Site, uid: str, nominal: int) -> str:
    record = await site.records.get(run_id(uid, Trigger.SCHEDULE, str(nominal)))
    if record is None:
        return ""
    if record.state is State.SKIPPED:
        return "skipped: Overlap"
    began = site.began.get(record.id)
    if began is None:
        return f"never starts, {record.state.value} at {_time(record.finished or 0)} ({record.reason})"
    waits = "" if began == nominal else "waits, "
    why = f" ({record.reason})" if record.state is State.CANCELLED else ""
    return f"{waits}runs {_time(began)} to {_time(record.finished or 0)}, {record.state.value}{why}"


def _time(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%H:%M}"
