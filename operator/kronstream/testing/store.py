"""The state that MemoryLedger, MemoryRunQueue and MemoryRecords share, and the moves a run can make."""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Mapping
from itertools import count

from kronstream.domain.plan import Skipped
from kronstream.domain.run import Lane, Reason, Skip, State
from kronstream.domain.work import Work
from kronstream.ports import LastRun
from kronstream.testing.clock import Clock
from kronstream.testing.lane import LaneStream
from kronstream.testing.model import Job, Run, Worker, Works

ORPHAN_AGE = 604_800_000
RECHECK = 60_000
WAKES = 16
SKIPS = {Reason.DEADLINE: Skip.DEADLINE, Reason.OVERLAP: Skip.OVERLAP}


class MemoryStore:
    """Everything that Redis would hold; ``epoch`` is the one it is opened under, None for one nobody opened yet."""

    epoch: str | None

    def __init__(self, clock: Clock, epoch: str | None = None) -> None:
        self.clock = clock
        self._births = count()
        self.waiters: dict[str, deque[asyncio.Future[None]]] = defaultdict(deque)
        self.wipe()
        self.epoch = epoch

    def wipe(self) -> None:
        """Lose everything, the epoch too."""
        self.epoch = None
        self.jobs: dict[str, Job] = {}
        self.runs: dict[str, Run] = {}
        self.works: dict[str, Works] = {}
        self.active: dict[str, dict[str, int]] = defaultdict(dict)  # negative: not started
        self.waiting: dict[str, dict[str, int]] = defaultdict(dict)
        self.unfinished: dict[str, int] = {}  # by the instant at which a run wants attention
        self.history: dict[tuple[str, bool], list[tuple[int, str]]] = defaultdict(list)
        self.dirty: dict[str, int] = {}
        self.tombs: dict[str, int] = {}
        self.lanes: dict[tuple[str, Lane], LaneStream] = defaultdict(LaneStream)
        self.dead: list[Mapping[str, str]] = []
        self.workers: dict[str, Worker] = {}
        self.replicas: dict[str, int] = {}
        self.rebuild: tuple[int, set[str]] | None = None
        self.pulse = 0
        self.wakes: dict[str, int] = defaultdict(int)

    @property
    def now(self) -> int:
        """The present in milliseconds."""
        return self.clock()

    def birth(self) -> str:
        """A mark that no other adoption has, also not one of a store that was lost."""
        return str(next(self._births))

    def run(self, run: str) -> Run | None:
        """A run whose retention has not ended."""
        found = self.runs.get(run)
        if found and found.expires is not None and found.expires <= self.now:
            del self.runs[run]
            return None
        return found

    def worker(self, consumer: str) -> Worker | None:
        """A worker whose lease has not ended."""
        found = self.workers.get(consumer)
        return found if found and found.expires > self.now else None

    def work(self, uid: str, generation: int) -> str | None:
        """The stored work of a generation."""
        works = self.works.get(uid)
        if works is None or (works.expires is not None and works.expires <= self.now):
            return None
        return works.texts.get(generation)

    def touch(self, job: Job) -> None:
        """Mark a job's status as out of date."""
        job.seq += 1
        self.dirty[job.uid] = job.seq

    def enqueue(self, run: Run) -> None:
        """Put a known run into its lane."""
        run.entry = self.lanes[run.queue, run.lane].add(
            {
                "v": "1",
                "run": run.id,
                "uid": run.uid,
                "namespace": run.namespace,
                "name": run.name,
                "nominal": str(run.nominal),
                "generation": str(run.generation),
            }
        )
        run.state = State.QUEUED
        self.unfinished[run.id] = self.now + RECHECK
        self._wake(run.queue)

    def _wake(self, queue: str) -> None:
        waiters = self.waiters[queue]
        while waiters:
            waiter = waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self.wakes[queue] = min(self.wakes[queue] + 1, WAKES)

    def withdraw(self, run: Run) -> None:
        """Take a run's entry out of delivery."""
        if run.entry is not None:
            self.lanes[run.queue, run.lane].remove(run.entry)
            run.entry = None

    def drop_works(self, uid: str, generation: int) -> None:
        """Drop stored generations that neither the present one nor an unfinished run needs."""
        needed = {generation, *(self.runs[run].generation for run in self.active[uid] if run in self.runs)}
        works = self.works.get(uid)
        if works:
            works.texts = {key: text for key, text in works.texts.items() if key in needed}

    def release_waiting(self, uid: str) -> None:
        """Let the waiting run of a job go when nothing else of the job is active."""
        waiting = self.waiting[uid]
        if waiting and len(self.active[uid]) <= len(waiting):
            first = min(waiting, key=lambda run: (waiting[run], run))
            del waiting[first]
            self.enqueue(self.runs[first])

    def count_skip(self, job: Job, skip: Skipped) -> None:
        """Count instants that make no run; the total is the caller's."""
        job.skipped[skip.reason.value] += skip.count
        job.last_skip = Skipped(skip.reason, skip.count, skip.first, skip.last)

    def settle(
        self, run: Run, state: State, reason: str | None, duration: int | None = None, message: str = ""
    ) -> None:
        """End a run; then what waited for it may go."""
        self.withdraw(run)
        run.state, run.finished, run.reason = state, self.now, reason
        run.cancel, run.revived, run.deadline = None, False, None
        for members in (self.unfinished, self.active[run.uid], self.waiting[run.uid]):
            members.pop(run.id, None)
        job = self.jobs.get(run.uid)
        if job is None:
            run.expires = self.now + ORPHAN_AGE
            return
        self._count(job, run, duration, message or reason or "")
        self._remember(job, run)
        if run.generation != job.generation:
            self.drop_works(run.uid, job.generation)
        self.release_waiting(run.uid)
        self.touch(job)

    def _count(self, job: Job, run: Run, duration: int | None, message: str) -> None:
        state = run.state
        job.runs[state.value] += 1
        if state is State.SKIPPED and run.reason:
            self.count_skip(job, Skipped(SKIPS[Reason(run.reason)], 1, run.nominal, run.nominal))
        job.last = LastRun(run.id, state.value, run.started, duration, message)
        if state is State.SUCCESS:
            job.last_success, job.consecutive_failures = self.now, 0
        elif state in (State.FAILED, State.DEAD):
            job.last_failure = self.now
            job.consecutive_failures += 1
        if duration is not None and state in (State.SUCCESS, State.FAILED):
            job.timed += 1
            job.total_duration += duration
        if job.once == run.id:
            job.done = self.now

    def _remember(self, job: Job, run: Run) -> None:
        good = run.state is State.SUCCESS
        history = sorted([*self.history[job.uid, good], (self.now, run.id)])
        run.expires = self.now + job.keep_age
        over = max(len(history) - (job.keep_good if good else job.keep_bad), 0)
        for _, old in history[:over]:
            self.runs.pop(old, None)
        self.history[job.uid, good] = [kept for kept in history[over:] if kept[0] > self.now - job.keep_age]

    def lose(self, run: Run, reason: Reason, message: str) -> None:
        """An attempt that its worker never ended: tried again by the job's policy, or the end of the run."""
        run.token = None
        if run.cancel:
            self.settle(run, State.CANCELLED, run.cancel)
            return
        run.error = json.dumps({"type": reason.value, "message": message, "traceback": ""})
        job, text = self.jobs.get(run.uid), self.work(run.uid, run.generation)
        retry = Work.load(text).retry if text else None
        if job is None or retry is None or run.attempt > retry.limit:
            self.settle(run, State.FAILED, reason.value, None, message)
            return
        self.withdraw(run)
        run.state, run.reason, run.worker, run.incarnation = State.RETRYING, reason.value, None, None
        self.unfinished[run.id] = self.now + retry.initial
        self.touch(job)
