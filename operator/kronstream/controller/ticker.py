"""The one ticking task: at the due instant it plans and dispatches, in batches."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from redis.exceptions import RedisError

from kronstream.clock import StoreClock
from kronstream.controller.conditions import Conditions, Planned
from kronstream.controller.job import Job
from kronstream.controller.measures import Measures
from kronstream.controller.replicas import BACKUP, Replicas
from kronstream.controller.roster import Roster
from kronstream.domain.plan import Plan, plan, plan_once, prompt
from kronstream.domain.run import Trigger, run_id
from kronstream.domain.schedule import Once
from kronstream.health import Pace
from kronstream.ports import Dispatch, Epoch, Ledger, Verdict
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

BATCH = 500
RUNS = 2000
FLIGHTS = 64
WIRES = 2
LONG = 0.05
RETRY = 200
LOOK = 1.0
DISPATCHED = "dispatched"
# the store sets back a cursor that is a minute ahead of its clock; a second more, so that it agrees
AHEAD = 61_000

STUCK = 60.0  # seconds without a look at what is due; every wait in between is bounded by far less

Answers = list[tuple[Job, Plan, Dispatch, Verdict, int, int]]


def _nobody(_job: Job, _item: Dispatch, _now: int) -> None:
    """Stands where the composition puts who is told of an accepted dispatch and of when it was accepted."""


class Ticker:
    """Fires what is due. ``refresh`` is told the jobs about which the store knows better than this replica."""

    def __init__(
        self,
        roster: Roster,
        ledger: Ledger,
        clock: StoreClock,
        replicas: Replicas,
        measures: Measures,
        refresh: Callable[[Job], None],
    ) -> None:
        self._roster = roster
        self._ledger = ledger
        self._clock = clock
        self._replicas = replicas
        self._measures = measures
        self._refresh = refresh
        self._conditions = Conditions(ledger)
        self._trouble = Trouble(log, "dispatching failed, tried again")
        self._latest = 0
        self.pace = Pace("the ticker", STUCK)
        self.fired: Callable[[Job, Dispatch, int], None] = _nobody
        # Redis works on one script at a time: more connections would only be opened, at the worst moment
        self._wires = asyncio.Semaphore(WIRES)
        # cleared while much is due: what can wait, waits
        self.calm = asyncio.Event()
        self.calm.set()

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            self.pace.rest()
            await self._replicas.open.wait()
            self.pace.on()
            first, now = self._roster.first(), self._clock.now()
            if now < self._latest - AHEAD:
                log.warning("the clock of Redis went back by %d s", (self._latest - now) // 1000)
                for job in self._roster:
                    self.arm(job)
                first = self._roster.first()
            self._latest = now
            if first is None or first > now:
                # not for long: the store's clock may be set forward meanwhile
                await self._roster.wait(LOOK if first is None else min((first - now) / 1000, LOOK))
            else:
                await self.fire(now)

    def arm(self, job: Job) -> None:
        """Set the job's next wake-up from its cursor."""
        job.next = _next(job)
        job.due = None if job.next is None else job.due_at(job.next)
        if job.due is None:
            self._roster.wake_at(job, None)
        elif job.cursor > self._clock.now() + AHEAD:
            self._roster.wake_at(job, self._clock.now() + RETRY)
        else:
            self._roster.wake_at(job, job.due)

    async def fire(self, now: int) -> None:
        """Dispatch what is due at ``now``: every batch is on its way before the first answer is worked on."""
        batches: deque[asyncio.Task[Answers]] = deque()
        while jobs := self._roster.pop(now, BATCH):
            if len(jobs) == BATCH:
                self.calm.clear()
            for planned in self._portions(jobs, now):
                batches.append(asyncio.create_task(self._dispatch(planned)))
                await asyncio.sleep(0)
                if len(batches) >= FLIGHTS:
                    await self._work_on(batches.popleft())
        while batches:
            await self._work_on(batches.popleft())
        self.calm.set()

    async def _work_on(self, batch: asyncio.Task[Answers]) -> None:
        for answer in await batch:
            self._settle(*answer)
        self.pace.on()
        await asyncio.sleep(0)

    def _portions(self, jobs: Sequence[Job], now: int) -> Iterator[Planned]:
        """What the jobs owe, in portions that keep neither the store nor this loop for long: there may be much to
        make up for, and counting what was missed takes time, too."""
        portion: Planned = []
        asking: Planned = []  # the store is asked about the runs before: the others do not wait for that
        runs, begin = 0, time.monotonic()
        for job in jobs:
            if owed := self._owed(job, now):
                (portion if job.condition is None else asking).append((job, owed))
                runs += len(owed.due)
            if runs >= RUNS or time.monotonic() - begin > LONG:
                yield from filter(None, (portion, asking))
                portion, asking, runs, begin = [], [], 0, time.monotonic()
        yield from filter(None, (portion, asking))

    def _owed(self, job: Job, now: int) -> Plan | None:
        if not job.firing:
            return None
        if job.due is not None and now < job.due + BACKUP and not self._replicas.owns(job.uid):
            # whose it is, is decided when it is due: replicas come and go
            self._roster.wake_at(job, job.due + BACKUP)
            return None
        if job.cursor > now + AHEAD:
            return Plan((), (), job.cursor, None)  # nothing, but the store sets the cursor back
        owed = _plan(job, now)
        if owed.idle:
            self.arm(job)
            return None
        return owed

    async def _dispatch(self, planned: Planned) -> Answers:
        try:
            planned = await self._conditions.judge(planned)
            items = [_item(job, owed) for job, owed in planned]
            async with self._wires:
                answers = await self._ledger.dispatch(self._replicas.epoch, items)
        except Epoch:
            self._replicas.reject()
        except (RedisError, OSError, TimeoutError) as error:
            self._trouble.tell(error)
        else:
            self._trouble.over()
            now = self._clock.now()
            return [
                (job, owed, item, verdict, number, now)
                for (job, owed), item, (verdict, number) in zip(planned, items, answers, strict=True)
            ]
        self._again([job for job, _ in planned])
        return []

    def _again(self, jobs: Sequence[Job]) -> None:
        at = self._clock.now() + RETRY
        for job in jobs:
            self._roster.wake_at(job, at)

    def _settle(self, job: Job, owed: Plan, item: Dispatch, verdict: Verdict, number: int, now: int) -> None:
        if self._roster.get(job.uid) is not job:
            return  # replaced by a newer generation meanwhile
        if verdict is Verdict.OK:
            job.cursor = item.to
            if item.once:
                job.once = run_id(job.uid, Trigger.SCHEDULE, str(item.to)) if item.due else owed.skipped[0].reason.value
            self._measures.dispatched(item, now)
            self.fired(job, item, now)
            self.arm(job)
        elif verdict is Verdict.CURSOR:
            job.cursor = number
            self.arm(job)
        elif verdict is Verdict.DONE:
            job.cursor, job.once = number, DISPATCHED
            self.arm(job)
        elif verdict is Verdict.ENDED:
            job.ended = True
            self.arm(job)
        elif verdict is Verdict.EARLY:
            self._roster.wake_at(job, self._clock.now() + 20)
        else:
            self._refresh(job)


def _plan(job: Job, now: int) -> Plan:
    schedule = job.schedule
    assert schedule is not None
    if isinstance(schedule, Once):
        if job.once is not None:
            return Plan((), (), job.cursor, None)
        return plan_once(schedule, job.cursor, job.created, now, job.policy)
    on_time = None
    if job.next is not None and job.due is not None:
        on_time = prompt(schedule, job.next, job.due, now, job.policy)
    return on_time or plan(schedule, job.cursor, now, job.policy, job.jitter)


def _next(job: Job) -> int | None:
    schedule = job.schedule
    if not job.firing or schedule is None:
        return None
    if isinstance(schedule, Once):
        return schedule.at if job.once is None else None
    return schedule.after(job.cursor)


def _item(job: Job, owed: Plan) -> Dispatch:
    return Dispatch(
        uid=job.uid,
        generation=job.generation,
        revision=job.revision,
        cursor=job.cursor,
        to=owed.cursor,
        due=owed.due,
        skips=owed.skipped,
        once=job.one_time and not owed.idle,
        delays=owed.delays,
    )
