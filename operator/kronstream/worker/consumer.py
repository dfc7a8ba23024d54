"""Executes what its pools take, records how it ended, and hands back what it cannot execute."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine
from typing import Any

from kronstream.logs import masked
from kronstream.ports import Claim, Externals, Outcome, RunQueue, WorkerCard
from kronstream.rooms import work_together
from kronstream.worker.backoff import Backoff
from kronstream.worker.children import Children
from kronstream.worker.confinement import refusal
from kronstream.worker.executor import LOST, RELEASED, Executor
from kronstream.worker.finisher import Finisher
from kronstream.worker.handover import Handover
from kronstream.worker.holdings import Holdings
from kronstream.worker.limits import NO_LIMITS, Limits
from kronstream.worker.marks import marks
from kronstream.worker.notes import Notes
from kronstream.worker.outcome import outcome as outcome_of
from kronstream.worker.pool import Pool
from kronstream.worker.registry import Registry
from kronstream.worker.slate import RUNNING, Slate
from kronstream.worker.tally import Tally
from kronstream.worker.traces import Traces

CANCEL_GRACE = 5.0  # seconds a cancelled handler may take to end
FLUSH = 5.0  # seconds for the last outcomes when the worker ends

log = logging.getLogger(__name__)


def unsent_limit(concurrency: int) -> int:
    """Outcomes that may wait for the store; while there are as many, nothing is taken."""
    return max(100, 2 * concurrency)


def slots_for(concurrency: int) -> int:
    """Slots of a slate that can hold everything: what waits, and what executes and ends meanwhile."""
    return unsent_limit(concurrency) + 2 * concurrency


class Consumer:
    """Takes, executes, finishes. It begins once opened; `card` names consumer, incarnation and queues.

    `serves` are the namespaces whose runs it executes; none are all.
    """

    def __init__(
        self,
        queue: RunQueue,
        card: WorkerCard,
        registry: Registry,
        children: Children,
        slate: Slate,
        *,
        batch_size: int = 10,
        block_ms: int = 5_000,
        cancel_grace: float = CANCEL_GRACE,
        externals: Externals | None = None,
        limits: Limits = NO_LIMITS,
        traces: Traces | None = None,
        serves: Collection[str] = (),
    ) -> None:
        self.tally = Tally(card.queues, traced=traces is not None)
        self._queue = queue
        self._card = card
        self._registry = registry
        self._slate = slate
        self._serves = frozenset(serves)
        self._cancel_grace = cancel_grace
        self._held = Holdings(slate)
        notes = Notes(queue, externals) if externals is not None else None
        self._executor = Executor(
            registry, children, slate, self._ended, cancel_grace, self._slow, notes=notes, limits=limits, traces=traces
        )
        self._finisher = Finisher(queue, card, slate, self._settled)
        self._handover = Handover(queue, card)
        self._running = 0
        self._draining = False
        self._released: list[Claim] = []
        self._pools = [Pool(queue, card, name, self, batch_size=batch_size, block_ms=block_ms) for name in card.queues]
        self._places: dict[str, Pool] = {}  # whose slot an attempt has, by its token
        self._idle = asyncio.Event()
        self._stopped = asyncio.Event()
        self.drained = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take and execute until drained; `drain` ends it, and so does a cancellation."""
        self._sending = asyncio.create_task(self._finisher.run())
        try:
            await work_together([pool.run for pool in self._pools])
        except asyncio.CancelledError:
            self._sending.cancel()
            raise
        finally:
            self._stopped.set()

    def open(self, *, now: bool = True) -> None:
        """Take runs from now on, or stop taking."""
        for pool in self._pools:
            pool.open(now=now)

    def handed(self) -> None:
        """Another worker handed runs to this one."""
        for pool in self._pools:
            pool.handed()

    def cancel(self, token: str, why: str) -> None:
        """Cancel an attempt; its record says why."""
        self._executor.end(token, why)

    def lost(self, token: str) -> None:
        """A run is no longer this worker's: stop it without an outcome."""
        self._executor.end(token, LOST)

    async def drain(self, grace: float) -> None:
        """Stop taking, let handlers go on for `grace` seconds, then cancel and hand back; send what is unsent."""
        self._draining = True
        for pool in self._pools:
            pool.close()
        await self._within(FLUSH, self._stopped.wait())  # a call that takes runs may be under way
        if not await self._within(grace, self._all_ended()):
            log.warning("%d runs did not end within the grace of %g s: they are handed back", self._running, grace)
            for attempt in list(self._executor.attempts.values()):
                attempt.end(RELEASED)
            await self._within(self._cancel_grace + 1, self._all_ended())
        await self._within(FLUSH, self._give_back(), self._finisher.empty())
        if self._sending is not None:
            self._sending.cancel()
        if self._finisher.unsent:
            log.warning("%d ends of runs could not be recorded; those runs are tried again", self._finisher.unsent)
        self.drained.set()

    def has_room(self) -> bool:
        """See Host: while so many outcomes wait for the store, nothing is taken."""
        return self._finisher.unsent < unsent_limit(self._card.concurrency)

    def held_runs(self) -> list[str]:
        """See Host."""
        return self._held.runs

    def begin(self, pool: Pool, claim: Claim) -> None:
        """See Host."""
        if claim.token in self._held:
            pool.left()  # answered twice after a lost reply
            return
        self._places[claim.token] = pool
        self.tally.began(pool.name, claim)
        self._count(1)
        self._idle.clear()
        slot = self._held.add(claim)
        function = self._registry.get(claim.work.function)
        if self._draining:
            self._ended(claim, None)
        elif (refused := refusal(self._serves, claim.work.namespace, pool.name)) is not None:
            self._ended(claim, outcome_of(claim, refused, 0))
        elif function is None:
            self._spawn(self._place(claim, pool.name))
        else:
            self._executor.start(claim, slot, function)

    async def _place(self, claim: Claim, queue: str) -> None:
        """Give a run whose function is not known here to a worker that knows it, else end the attempt."""
        backoff = Backoff("look for another worker")
        while not self._draining:
            try:
                if await self._handover.place(claim, queue):
                    self._leave(claim.token)
                else:
                    self._ended(claim, outcome_of(claim, self._handover.unknown(claim, queue), 0))
            except Exception as error:  # noqa: BLE001 - as above
                await asyncio.sleep(backoff.failed(error))
            else:
                return
        self._ended(claim, None)

    def _slow(self, claim: Claim) -> None:
        self._spawn(self._tell_slow(claim))

    async def _tell_slow(self, claim: Claim) -> None:
        try:
            await self._queue.slow([claim])
        except Exception as error:  # noqa: BLE001 - its end tells it, too
            told = masked(str(error))[:200]
            log.info("run %s is slow, which could not be told: %s", claim.run, told, extra=marks(claim))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _ended(self, claim: Claim, outcome: Outcome | None) -> None:
        """An attempt ended; without an outcome its run is handed back, or is another's already."""
        if outcome is None:
            self._leave(claim.token, keep=self._draining)
            if self._draining:
                self._released.append(claim)
            return
        self.tally.ended(self._places[claim.token].name, claim, outcome)
        if outcome.failure is not None:
            log.info(
                "run %s of %s/%s: attempt %d failed (%s): %s", claim.run, claim.work.namespace, claim.work.name,
                claim.attempt, outcome.reason, outcome.failure.message[:200], extra=marks(claim),
            )  # fmt: skip
        self._held.ended(claim.token)
        self._leave(claim.token, keep=True)
        self._finisher.add(outcome)

    def _leave(self, token: str, *, keep: bool = False) -> None:
        """A slot is free; what is kept is still held until the store answered."""
        if not keep:
            self._held.drop(token)
        self._count(-1)
        if self._running == 0:
            self._idle.set()
        self._places.pop(token).left()

    def _count(self, more: int) -> None:
        self._running += more
        self._slate[RUNNING] = self._running

    def _settled(self, token: str) -> None:
        self._held.drop(token)
        for pool in self._pools:
            pool.room()

    async def _all_ended(self) -> None:
        while self._running:
            self._idle.clear()
            await self._idle.wait()

    @staticmethod
    async def _within(seconds: float, *waits: Coroutine[Any, Any, object]) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*waits)
        except TimeoutError:
            return False
        return True

    async def _give_back(self) -> None:
        backoff = Backoff("hand runs back")
        while self._released:
            batch = self._released[:]
            try:
                await self._queue.release(self._card, batch)
            except Exception as error:  # noqa: BLE001 - as above
                await asyncio.sleep(backoff.failed(error))
            else:
                for claim in batch:
                    self._held.drop(claim.token)
                del self._released[: len(batch)]
