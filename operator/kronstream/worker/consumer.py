"""The loop that takes runs while there are free slots, has them executed, and hands back what it cannot execute."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from kronstream.ports import Claim, Externals, Outcome, RunQueue, WorkerCard
from kronstream.worker.backoff import Backoff
from kronstream.worker.children import Children
from kronstream.worker.executor import LOST, RELEASED, Executor
from kronstream.worker.finisher import Finisher
from kronstream.worker.handover import Handover
from kronstream.worker.holdings import Holdings
from kronstream.worker.limits import NO_LIMITS, Limits
from kronstream.worker.notes import Notes
from kronstream.worker.outcome import outcome as outcome_of
from kronstream.worker.registry import Registry
from kronstream.worker.slate import RUNNING, Slate

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
    """Takes, executes, finishes. It begins once opened; `card` names consumer, incarnation and queue."""

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
    ) -> None:
        self._queue = queue
        self._card = card
        self._registry = registry
        self._slate = slate
        self._batch = batch_size
        self._block = block_ms
        self._cancel_grace = cancel_grace
        self._held = Holdings(slate)
        notes = Notes(queue, externals) if externals is not None else None
        self._executor = Executor(registry, children, slate, self._ended, cancel_grace, notes=notes, limits=limits)
        self._finisher = Finisher(queue, card, slate, self._settled)
        self._handover = Handover(queue, card)
        self._backoff = Backoff("ask for runs")
        self._running = 0
        self._open = False
        self._draining = False
        self._pending_due = True  # at the start, after a lost reply, when runs were handed to this worker
        self._released: list[Claim] = []
        self._waiting: asyncio.Task[bool] | None = None
        self._bell: asyncio.Future[None] | None = None  # set while the loop waits for something of interest
        self._room_wanted = False
        self._idle = asyncio.Event()
        self._stopped = asyncio.Event()
        self.drained = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take and execute until drained; `drain` ends it, and so does a cancellation."""
        self._sending = asyncio.create_task(self._finisher.run())
        try:
            while not self._draining:
                await self._turn()
        except asyncio.CancelledError:
            self._sending.cancel()
            raise
        finally:
            self._stopped.set()
            if self._waiting is not None:
                self._waiting.cancel()

    def open(self, *, now: bool = True) -> None:
        """Take runs from now on, or stop taking."""
        self._open = now
        self._ring()

    def handed(self) -> None:
        """Another worker handed runs to this one."""
        self._pending_due = True
        self._ring()

    def cancel(self, token: str, why: str) -> None:
        """Cancel an attempt; its record says why."""
        self._executor.end(token, why)

    def lost(self, token: str) -> None:
        """A run is no longer this worker's: stop it without an outcome."""
        self._executor.end(token, LOST)

    async def drain(self, grace: float) -> None:
        """Stop taking, let handlers go on for `grace` seconds, then cancel and hand back; send what is unsent."""
        self._draining = True
        self._ring()
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

    async def _turn(self) -> None:
        if not self._open:
            await self._until_rung()
        elif (free := self._free()) <= 0:
            self._room_wanted = True
            await self._until_rung()
            self._room_wanted = False
        else:
            try:
                claims = await self._take(free)
                self._backoff.worked()
                for claim in claims:
                    self._begin(claim)
                if not claims:
                    await self._until_work()
            except Exception as error:  # noqa: BLE001 - whatever the store says, the loop goes on
                self._pending_due = True
                await self._until_rung(self._backoff.failed(error))

    def _free(self) -> int:
        if self._finisher.unsent >= unsent_limit(self._card.concurrency):
            return 0
        return self._card.concurrency - self._running

    async def _take(self, free: int) -> list[Claim]:
        if self._pending_due:
            self._pending_due = False  # before the call: one that comes during it counts
            claims = await self._queue.take_pending(self._card, free, self._held.runs)
            self._pending_due |= len(claims) >= free
            if claims:
                return claims
        return await self._queue.take(self._card, min(free, self._batch))

    async def _until_work(self) -> None:
        """Block until the store has work or something rings; a wait that was left is gone on with."""
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._queue.wait(self._card.queue, self._block))
        either: set[asyncio.Future[Any]] = {self._waiting, self._listen()}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._waiting.done():
            waited, self._waiting = self._waiting, None
            waited.result()

    async def _until_rung(self, timeout: float | None = None) -> None:
        await asyncio.wait({self._listen()}, timeout=timeout)

    def _listen(self) -> asyncio.Future[None]:
        if self._bell is None or self._bell.done():
            self._bell = asyncio.get_running_loop().create_future()
            if self._draining:
                self._bell.set_result(None)
        return self._bell

    def _ring(self) -> None:
        if self._bell is not None and not self._bell.done():
            self._bell.set_result(None)

    def _begin(self, claim: Claim) -> None:
        if claim.token in self._held:
            return  # answered twice after a lost reply
        self._running += 1
        self._slate[RUNNING] = self._running
        self._idle.clear()
        slot = self._held.add(claim)
        function = self._registry.get(claim.work.function)
        if self._draining:
            self._ended(claim, None)
        elif function is None:
            self._spawn(self._place(claim))
        else:
            self._executor.start(claim, slot, function)

    async def _place(self, claim: Claim) -> None:
        """Give a run whose function is not known here to a worker that knows it, else end the attempt."""
        backoff = Backoff("look for another worker")
        while not self._draining:
            try:
                if await self._handover.place(claim):
                    self._leave(claim.token)
                else:
                    self._ended(claim, outcome_of(claim, self._handover.unknown(claim), 0))
            except Exception as error:  # noqa: BLE001 - as above
                await asyncio.sleep(backoff.failed(error))
            else:
                return
        self._ended(claim, None)

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
        if outcome.failure is not None:
            log.info(
                "run %s of %s/%s: attempt %d failed (%s): %s", claim.run, claim.work.namespace, claim.work.name,
                claim.attempt, outcome.reason, outcome.failure.message[:200],
            )  # fmt: skip
        self._held.ended(claim.token)
        self._leave(claim.token, keep=True)
        self._finisher.add(outcome)

    def _leave(self, token: str, *, keep: bool = False) -> None:
        """A slot is free; what is kept is still held until the store answered."""
        if not keep:
            self._held.drop(token)
        self._running -= 1
        self._slate[RUNNING] = self._running
        if self._running == 0:
            self._idle.set()
        if self._room_wanted:
            self._ring()

    def _settled(self, token: str) -> None:
        self._held.drop(token)
        if self._room_wanted:
            self._ring()

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
