"""The state that the ports in memory share, and the moves that every part of them makes."""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from itertools import count
from typing import Any

from kronstream.domain.plan import Skipped
from kronstream.domain.run import Lane, State
from kronstream.ports import Backfill, EventLetter, Pause, QueuePause, Recall
from kronstream.ports.orders import Order
from kronstream.testing.clock import Clock
from kronstream.testing.lane import LaneStream
from kronstream.testing.model import Item, Job, Run, Worker, Works

ORPHAN_AGE = 604_800_000
CLAIMED = 604_800_000
RECHECK = 60_000
WAKES = 16


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
        self.waiting: dict[str, list[str]] = defaultdict(list)  # lines, the first goes first
        self.groups: dict[str, set[str]] = defaultdict(set)
        self.group_lines: dict[str, dict[str, int]] = defaultdict(dict)  # by place
        self.gates: dict[str, set[str]] = defaultdict(set)
        self.gate_lines: dict[str, list[str]] = defaultdict(list)
        self.gate_limits: dict[str, int] = {}
        self.paces: dict[str, float] = defaultdict(float)
        self.paced: set[str] = set()
        self.recalls: list[Recall] = []
        self.queue_pauses: dict[str, QueuePause] = {}
        self.unfinished: dict[str, int] = {}  # by the instant at which a run (or "@job") wants attention
        self.claims: dict[str, tuple[str, int]] = {}  # the first answer, and until when it is known
        self.scopes: dict[tuple[str, str], Pause] = {}
        self.backfills: dict[str, Backfill] = {}
        self.backfill_lists: dict[str, list[str]] = defaultdict(list)  # by job, the oldest first
        self.backfills_due: dict[str, int] = {}
        self.backfills_full: set[str] = set()
        self.backfill_runs: dict[str, set[str]] = defaultdict(set)
        self.orders: dict[str, tuple[Order, tuple[str, ...]]] = {}
        self.orders_due: dict[str, tuple[int, str]] = {}  # by when somebody may go on with one, and whose it is
        self.history: dict[tuple[str, bool], list[tuple[int, str]]] = defaultdict(list)
        self.dirty: dict[str, int] = {}
        self.tombs: dict[str, int] = {}
        self.past: dict[str, Any] = {}  # deleted jobs of which something is left
        self.lanes: dict[tuple[str, Lane], LaneStream] = defaultdict(LaneStream)
        self.dead: list[Mapping[str, str]] = []
        self.ended: Counter[tuple[str, str]] = Counter()  # runs by state and reason
        self.skipped: Counter[str] = Counter()
        self.dropped: set[int] = set()
        self.workers: dict[str, Worker] = {}
        self.replicas: dict[str, int] = {}
        self.rebuild: tuple[int, set[str]] | None = None
        self.pulse = 0
        self.wakes: dict[str, int] = defaultdict(int)
        self.seen: int | None = None
        self.hold = 0
        self.jump = 0
        self._wipe_events()

    def _wipe_events(self) -> None:
        self.items: dict[str, Item] = {}  # waiting effects of events, the oldest first
        self.effect_load = 0, 0  # how many wait, and the bytes of their bodies
        self.items_due: dict[str, int] = {}
        self.fates: dict[str, tuple[str, int]] = {}  # the first answer to an effect, and until when it is known
        self.windows: dict[tuple[str, str], str] = {}  # by handler and key, the effect that a debounce window has
        self.deduped: dict[tuple[str, str], int] = {}  # by handler and key, until when
        self.open_jobs: dict[str, dict[str, int]] = defaultdict(dict)  # by handler: i:<item> or j:<uid>, since when
        self.effect_lines: dict[str, list[str]] = defaultdict(list)
        self.tending: dict[str, int] = {}  # handlers with open jobs or a line, by when they are looked at
        self.dead_events: list[EventLetter] = []
        self.letters_made = 0
        self.wanted: dict[str, set[str]] = {}
        self.roll: dict[str, int] = {}  # handlers by the turn in which their generation came into force
        self.turn = 0
        self.outcomes: list[Mapping[str, str]] = []
        self.names: dict[tuple[str, str], str] = {}
        self.routers: dict[str, int] = {}
        self.tallied: dict[str, int] = {}

    @property
    def now(self) -> int:
        """The present in milliseconds."""
        return self.clock()

    def birth(self) -> str:
        """A mark that no other adoption has, also not one of a store that was lost."""
        return f"{self.now}.{next(self._births)}"

    def run(self, run: str) -> Run | None:
        """A run whose retention has not ended."""
        found = self.runs.get(run)
        if found and found.expires is not None and found.expires <= self.now:
            del self.runs[run]
            return None
        return found

    def claim(self, run: str) -> str | None:
        """The first answer to the request for a run."""
        answer, expires = self.claims.get(run, ("", 0))
        return answer if expires > self.now else None

    def keep_claim(self, run: str, answer: str, age: int = CLAIMED) -> None:
        """Remember that a run was asked for, longer than its record."""
        self.claims[run] = (answer, self.now + age)

    def backfill(self, backfill: str) -> Backfill | None:
        """A backfill whose retention has not ended."""
        known = self.backfills.get(backfill)
        over = known and known.finished is not None and known.finished + CLAIMED <= self.now
        return None if over else known

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
            },
            self.now,
        )
        run.state = State.QUEUED
        self.unfinished[run.id] = self.now + RECHECK
        self.wake(run.queue)

    def wake(self, queue: str) -> None:
        """Wake somebody who waits for runs of a queue, else the next one who would."""
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

    def count_skip(self, job: Job, skip: Skipped) -> None:
        """Count instants that make no run; the total is the caller's."""
        job.skipped[skip.reason.value] += skip.count
        self.skipped[skip.reason.value] += skip.count
        job.last_skip = Skipped(skip.reason, skip.count, skip.first, skip.last)

    def skip(self, job: Job, skip: Skipped) -> None:
        """Count instants that make no run, in the total, too."""
        job.runs[State.SKIPPED.value] += skip.count
        self.count_skip(job, skip)
