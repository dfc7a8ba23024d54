"""RunQueue in memory."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from kronstream.domain.limits import Gate
from kronstream.domain.run import Lane, Reason, State
from kronstream.domain.work import Work
from kronstream.ports import Claim, Epoch, Outcome, Pulse, WorkerCard
from kronstream.testing import gates
from kronstream.testing.ending import lay_down, mark_slow, settle
from kronstream.testing.finishing import finish, register
from kronstream.testing.lane import Fields, LaneStream
from kronstream.testing.model import Run, Worker
from kronstream.testing.outcomes import tell
from kronstream.testing.store import MemoryStore
from kronstream.testing.sweeping import live_workers, sweep

DELIVERIES = 20
LEASE = 9_000
HANDED = 5000
MEDIUM_FIRST = (Lane.CRITICAL, Lane.MEDIUM, Lane.HIGH, Lane.LOW)
ORDERS = {2: MEDIUM_FIRST, 5: MEDIUM_FIRST, 7: (Lane.CRITICAL, Lane.LOW, Lane.HIGH, Lane.MEDIUM)}
LETTER_FIELDS, LETTER_TEXT = 16, 1024


class MemoryRunQueue:
    """RunQueue on a MemoryStore; ``lease`` is how long, in milliseconds, a run stays a worker's without a heartbeat."""

    def __init__(self, store: MemoryStore, *, lease: int = LEASE) -> None:
        self._store = store
        self._lease = lease
        self._tokens = count()
        self._turns: Counter[str] = Counter()

    async def take(self, card: WorkerCard, queue: str, slots: int) -> list[Claim]:
        """See RunQueue."""
        claims: list[Claim] = []
        free = slots
        if queue in self._store.queue_pauses:
            return []
        gate = gate_of(card, "queues", queue)
        free = gates.free_of(self._store, queue, gate, slots)
        if slots > 0:
            self._turns[queue] = (self._turns[queue] + 1) % 8
        for lane in ORDERS.get(self._turns[queue], tuple(Lane)):
            stream = self._store.lanes[queue, lane]
            more = free > 0
            while more:
                entries = stream.read(card.consumer, free, self._store.now)
                runs = [run for entry in entries if (run := self._consider(stream, *entry)) and self._passes(card, run)]
                # an empty lane is not asked twice: what came meanwhile wakes the next reader
                more = len(entries) == free and len(runs) < free
                free -= len(runs)
                claims += [claim for run in runs for claim in self._start(card, run, gate)]
        return claims

    async def take_pending(self, card: WorkerCard, queue: str, slots: int, held: Sequence[str] = ()) -> list[Claim]:
        """See RunQueue."""
        claims: list[Claim] = []
        left = False
        gate = gate_of(card, "queues", queue)
        if queue in self._store.queue_pauses:
            return []
        for lane in Lane:
            stream = self._store.lanes[queue, lane]
            for number, fields in stream.pending_of(card.consumer, self._store.now):
                run = self._consider(stream, number, fields)
                if run is None:
                    continue
                if run.state is State.RUNNING:
                    mine = (run.worker, run.incarnation) == (card.consumer, card.incarnation)
                    claims += self._offer(run) if mine and run.id not in held else []
                elif len(claims) < slots:
                    claims += self._start(card, run, gate) if self._passes(card, run) else []
                else:
                    left = True
        worker = self._store.worker(card.consumer)
        if worker and not left:
            worker.handed = False
        return claims

    def _passes(self, card: WorkerCard, run: Run) -> bool:
        """Whether the gates of a queued run's function and keys let it begin."""
        if run.state is State.RUNNING:
            return True
        job = self._store.jobs.get(run.uid)
        function = gate_of(card, "functions", job.function) if job else None
        keys = run.keys if run.keys is not None else job.keys if job else ()
        return not gates.holds_up(self._store, run, (*([function] if function else ()), *keys))

    def _consider(self, stream: LaneStream, number: int, fields: Fields | None) -> Run | None:
        """The queued or running run of an entry; None for an entry that was dropped, set aside or has had its time."""
        run = self._store.run(fields.get("run", "")) if fields else None
        fault = _fault(fields) if fields else None
        if fault:
            letter = list(fields.items() if fields else ())[:LETTER_FIELDS]
            cut = {f"field.{name}"[:LETTER_TEXT]: text[:LETTER_TEXT] for name, text in letter}
            self._store.dead.append({"reason": fault, "entry": str(number), **cut})
        if fault or run is None or run.entry != number or run.state not in (State.QUEUED, State.RUNNING):
            stream.remove(number)
            return None
        return run if run.state is State.RUNNING or not self._over(run) else None

    def _over(self, run: Run) -> bool:
        """End a queued run that must not start any more."""
        begun = run.external is not None
        late = run.attempt == 0 and not begun and run.deadline is not None and self._store.now > run.deadline
        # a cancelled one whose work goes on elsewhere is taken over: only a worker can stop that
        if run.cancel and not begun:
            settle(self._store, run, State.CANCELLED, run.cancel)
        elif late:
            settle(self._store, run, State.SKIPPED, Reason.DEADLINE.value)
        elif run.deliveries >= DELIVERIES:
            settle(self._store, run, State.DEAD, Reason.TOO_MANY_DELIVERIES.value)
        return run.state.terminal

    def _start(self, card: WorkerCard, run: Run, gate: Gate | None) -> list[Claim]:
        now, job = self._store.now, self._store.jobs.get(run.uid)
        lane = self._store.lanes[run.queue, run.lane]
        waited = None if run.entry is None else max(0, now - lane.added[run.entry])
        if gate:
            gates.begin(self._store, run, gate)
        run.state, run.attempt, run.deliveries = State.RUNNING, run.attempt + 1, run.deliveries + 1
        run.worker, run.incarnation, run.revived = card.consumer, card.incarnation, False
        # work that goes on elsewhere goes on from where it began
        run.started = run.started if run.external and run.started else now
        # tells a store that lost the record whether a payload went with it
        run.token = f"{id(self)}-{next(self._tokens)}{'p' if run.own else ''}:{job.born if job else ''}"
        self._store.unfinished[run.id] = now + self._lease
        self._store.active[run.uid][run.id] = now
        if job:
            self._store.touch(job)
        tell(self._store, "started", run)
        return self._offer(run, waited)

    def _offer(self, run: Run, waited: int | None = None) -> list[Claim]:
        """The claim of a started run; none where its work is for another worker to read."""
        token = run.token or ""
        try:
            work = Work.load(self._store.work(run.uid, run.generation) or "")
        except ValueError:
            self._release(run.id, token)
            return []
        if run.payload is not None:
            work = replace(work, payload=json.loads(run.payload))
        job = self._store.jobs.get(run.uid)
        return [
            Claim(
                run.id, token, run.uid, run.generation, run.attempt, run.nominal, run.deliveries, run.lane, work,
                run.previous, job.last_good if job else None, run.external, run.started if run.external else None,
                run.trace, max(0, self._store.now - run.first) if run.first is not None else 0, waited,
            )
        ]  # fmt: skip

    async def wait(self, queue: str, timeout: int) -> bool:
        """See RunQueue; the timeout is real time."""
        store = self._store
        if store.wakes[queue]:
            store.wakes[queue] -= 1
            return True
        waiter = asyncio.get_running_loop().create_future()
        store.waiters[queue].append(waiter)
        done, _ = await asyncio.wait([waiter], timeout=timeout / 1000)
        if not done:
            waiter.cancel()
        return bool(done)

    async def finish(self, card: WorkerCard, outcomes: Sequence[Outcome]) -> list[bool]:  # noqa: ARG002 the port's
        """See RunQueue."""
        store = self._store
        for outcome in outcomes:
            uid = outcome.run.rpartition("-")[0]
            if store.epoch is None and store.run(outcome.run) is None and uid not in store.jobs:
                raise Epoch("the store was lost and is not filled again yet")
        return [finish(store, outcome) for outcome in outcomes]

    async def slow(self, claims: Sequence[Claim]) -> None:
        """See RunQueue."""
        for claim in claims:
            run = self._store.run(claim.run)
            if run and run.state is State.RUNNING and run.token == claim.token and not run.slow:
                mark_slow(self._store, run)
                if run.uid in self._store.jobs:
                    self._store.touch(self._store.jobs[run.uid])

    async def result(self, run: str) -> str | None:
        """See RunQueue."""
        found = self._store.run(run)
        return (found.result or None) if found else None

    async def release(self, card: WorkerCard, claims: Sequence[Claim]) -> None:  # noqa: ARG002 the port's
        """See RunQueue."""
        for claim in claims:
            self._release(claim.run, claim.token)

    async def hand_over(self, card: WorkerCard, claim: Claim, consumer: str) -> bool:  # noqa: ARG002 the port's
        """See RunQueue."""
        return self._release(claim.run, claim.token, consumer)

    def _release(self, key: str, token: str, target: str = "") -> bool:
        store, run = self._store, self._store.run(key)
        if run is None or run.state is not State.RUNNING or run.token != token:
            return False
        job = store.jobs.get(run.uid)
        if job is None:
            settle(store, run, State.CANCELLED, Reason.DELETED.value)
            return True
        worker = store.worker(target)
        if target and (worker is None or run.entry is None):
            return False
        lay_down(store, run)
        if worker and run.entry is not None:
            delivery = store.lanes[run.queue, run.lane].pending[run.entry]
            delivery.consumer, delivery.since = target, store.now
            worker.handed = True
            store.unfinished[run.id] = store.now + HANDED
        else:
            store.withdraw(run)
            store.enqueue(run)
        return True

    async def beat(self, card: WorkerCard, held: Sequence[Claim]) -> Pulse:
        """See RunQueue."""
        store, now = self._store, self._store.now
        before = store.worker(card.consumer)
        handed = before is not None and before.handed
        store.workers[card.consumer] = Worker(replace(card, last_beat=now), now + self._lease, handed)
        cancel: dict[str, str] = {}
        lost: set[str] = set()
        for claim in held:
            run = register(store, card, claim)
            if run is None:
                if store.epoch is not None or claim.uid in store.jobs or store.run(claim.run) is not None:
                    lost.add(claim.run)
                continue
            store.unfinished[run.id] = now + self._lease
            if run.cancel:
                cancel[run.id] = run.cancel
        return Pulse(now, cancel, frozenset(lost), handed)

    async def workers(self) -> list[WorkerCard]:
        """See RunQueue."""
        return live_workers(self._store)

    async def tidy(self, queues: Sequence[str], idle: int = 60_000) -> int:
        """See RunQueue."""
        gone = 0
        for stream in (self._store.lanes[queue, lane] for queue in queues for lane in Lane):
            for consumer in [name for name in stream.consumers if self._store.worker(name) is None]:
                if self._store.now - stream.asked.get(consumer, 0) >= idle:
                    stream.leave(consumer)
                    gone += consumer not in stream.consumers
        return gone

    async def leave(self, card: WorkerCard) -> None:
        """See RunQueue."""
        self._store.workers.pop(card.consumer, None)
        for queue in card.queues:
            for lane in Lane:
                self._store.lanes[queue, lane].leave(card.consumer)

    async def sweep(self, limit: int = 100) -> int:
        """See RunQueue."""
        return sweep(self._store, limit)


def gate_of(card: WorkerCard, kind: str, name: str) -> Gate | None:
    """A gate that a worker's limits name."""
    shape = card.limits.get(kind, {}).get(name)
    return Gate(**shape) if shape else None


def _fault(fields: Fields) -> str | None:
    if "run" not in fields:
        return 'no field "run"; a dispatch entry has v, run, uid, namespace, name, nominal, generation'
    if fields.get("v") != "1":
        return f"version {fields.get('v', 'nil')[:20]} of the entry format; this worker reads 1"
    return None
