"""The supervisor of a worker: keeps one loop process running, and clears up after it.

It executes nobody's code, so nothing a handler does keeps it from renewing leases, forwarding cancellations and killing
a loop that stands still.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
import uuid
from dataclasses import asdict
from typing import Any

from prometheus_client import CollectorRegistry

from kronstream.health import Health, loop_pace, turn
from kronstream.metrics import ProbeServer
from kronstream.ports import WorkerCard
from kronstream.settings import WorkerSettings
from kronstream.vitals import RedisVitals, introduce
from kronstream.worker import verdict as verdicts
from kronstream.worker.backoff import Backoff
from kronstream.worker.consumer import CANCEL_GRACE, slots_for
from kronstream.worker.exposition import Exposition, Readiness, Statistics
from kronstream.worker.heart import Heart
from kronstream.worker.loopprocess import LoopProcess
from kronstream.worker.orphans import look_after
from kronstream.worker.slate import TICK
from kronstream.worker.store import REDIS, Store, opener
from kronstream.worker.verdict import Verdict

WATCH_EVERY = 0.25  # seconds
FIRST_RESTART, LONGEST_RESTART = 0.2, 30.0  # seconds
STEADY = 60.0  # seconds a loop process lives until the next restart is quick again
DRAIN_SLACK = 20.0  # seconds on top of the grace until a loop process that drains is killed

log = logging.getLogger(__name__)


class Supervisor:
    """One worker. `stall_grace`: seconds on top of a deadline until a loop that stands still is killed."""

    def __init__(
        self,
        settings: WorkerSettings,
        *,
        store: str = REDIS,
        stall_grace: float = 5.0,
        cancel_grace: float = CANCEL_GRACE,
    ) -> None:
        self._settings = settings
        self._store_place = store
        self._stall_grace = int(stall_grace * verdicts.SECOND)
        self._cancel_grace = cancel_grace
        self._store: Store = opener(store)(settings.redis, settings.block_ms)
        self._statistics = Statistics(
            WorkerCard(
                settings.consumer_name,
                "",
                settings.queues,
                (),
                started=int(time.time() * 1000),
                limits=settings.limits.shape(),
            )
        )
        self.readiness = Readiness()
        self._registry = CollectorRegistry()
        self._registry.register(Exposition(self._statistics))
        introduce(self._registry)
        vitals = RedisVitals(self._registry)
        self._heart = Heart(self._store, self._statistics, self.readiness, vitals, enabled=settings.enabled)
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._clearing: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        """Process id of the present loop process."""
        return self._heart.process.pid if self._heart.process is not None else None

    def stop(self) -> None:
        """Drain and end; the second time, at once."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def run(self) -> int:
        """Run until stopped; answers the exit code: 0, or 2 when the handlers cannot be loaded."""
        loop, pace = asyncio.get_running_loop(), loop_pace()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        with contextlib.ExitStack() as stack:
            if self._settings.metrics_port:
                port, host = self._settings.metrics_port, self._settings.metrics_host
                health = Health((pace, self._heart.pace))
                stack.enter_context(ProbeServer(self._registry, self.readiness, health, port=port, host=host))
            beats = (turn(pace), self._heart.beat(), self._heart.sweep(), look_after())
            timers = [asyncio.create_task(timer) for timer in beats]
            try:
                return await self._keep_running()
            finally:
                for timer in timers:
                    timer.cancel()
                await self._leave()

    async def _keep_running(self) -> int:
        delay = FIRST_RESTART
        while not self._stop.is_set():
            began = time.monotonic()
            refused = await self._one_life()
            if refused is not None:
                faults = "; ".join(refused.splitlines())
                log.error("the handlers cannot be loaded, so the worker does not start: %s", faults)
                return 2
            if self._stop.is_set():
                break
            self._statistics.restarts += 1
            delay = FIRST_RESTART if time.monotonic() - began > STEADY else min(delay * 2, LONGEST_RESTART)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), delay)
        return 0

    async def _one_life(self) -> str | None:
        """Start a loop process and stay with it until it ended; answers why it refused to start, if it did."""
        incarnation = uuid.uuid4().hex
        process = await LoopProcess.start(self._hello(incarnation))
        try:
            verdict = await self._stay_with(process) if await self._until_ready(process, incarnation) else Verdict()
            self._heart.process = None
            self._statistics.ended()
            self._statistics.failed(verdict.outcomes)
            self._clear(verdict)
            return process.refused
        finally:
            process.kill()
            await process.ended
            process.close()

    async def _until_ready(self, process: LoopProcess, incarnation: str) -> bool:
        stopping = asyncio.create_task(self._stop.wait())
        first: set[asyncio.Future[Any]] = {process.ready, process.ended, stopping}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not process.ready.done() or process.ready.cancelled():
            if process.ended.done() and process.refused is None:
                log.warning("the loop process %s before it was ready", process.ended.result())
            return False
        functions = process.ready.result()
        self._statistics.offer(functions, incarnation)
        self._statistics.process = process
        settings = self._settings
        log.info(
            "worker %s offers %d functions to the queues %s: %s",
            settings.consumer_name, len(functions), ", ".join(f"{name}={n}" for name, n in settings.queues.items()),
            ", ".join(functions)[:2000],
        )  # fmt: skip
        await self._heart.attach(process)
        return True

    async def _stay_with(self, process: LoopProcess) -> Verdict:
        """Until the process ended or was killed, and what becomes of its runs."""
        stopping = asyncio.create_task(self._stop.wait())
        watching = asyncio.create_task(self._until_still(process))
        try:
            await asyncio.wait({stopping, watching, process.ended}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                return await self._end_stall(process)
            if not process.ended.done():
                return await self._drain(process, watching)
        finally:
            stopping.cancel()
            watching.cancel()
        how = await process.ended
        held, executing = list(process.slate.held()), process.slate.executing
        log.error("the loop process %s; it held %d runs", how, len(held))
        return verdicts.after_death(held, executing, how, time.monotonic_ns())

    async def _until_still(self, process: LoopProcess) -> None:
        slate, last = process.slate, time.monotonic_ns()
        while True:
            await asyncio.sleep(WATCH_EVERY)
            now = time.monotonic_ns()
            # after a pause of this process (a freeze of the container), the other gets the time to tick again
            awake, last = now - last < verdicts.STILL, now
            if not awake or now - slate[TICK] < verdicts.STILL:
                continue  # reading what is held would cost more than all the rest
            held, executing = list(slate.held()), slate.executing
            if verdicts.stands_still(held, executing, slate[TICK], now, self._stall_grace):
                return

    async def _end_stall(self, process: LoopProcess) -> Verdict:
        now = time.monotonic_ns()
        process.kill()
        await process.ended
        held, executing = list(process.slate.held()), process.slate.executing
        verdict = verdicts.after_stall(held, executing, now)
        self._statistics.stalls += 1
        log.error(
            "the worker's loop stood still for %.1f s and was killed; runs to blame: %s; handed back: %d",
            (now - process.slate[TICK]) / verdicts.SECOND,
            ", ".join(outcome.run for outcome in verdict.outcomes) or "none",
            len(verdict.released),
        )
        return verdict

    async def _drain(self, process: LoopProcess, watching: asyncio.Task[None]) -> Verdict:
        grace = self._settings.grace
        log.info("stopping: running handlers have %g s", grace / 1000)
        self.readiness.worker = "stopping"
        self._statistics.withdraw()
        await process.tell({"drain": grace})
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait(
            {process.ended, watching, hurry}, timeout=grace / 1000 + DRAIN_SLACK, return_when=asyncio.FIRST_COMPLETED
        )
        hurry.cancel()
        if watching.done():
            return await self._end_stall(process)
        process.kill()
        await process.ended
        return verdicts.hand_back(list(process.slate.held()))

    def _clear(self, verdict: Verdict) -> None:
        if verdict.outcomes or verdict.released:
            task = asyncio.create_task(self._clear_up(verdict))
            self._clearing.add(task)
            task.add_done_callback(self._clearing.discard)

    async def _clear_up(self, verdict: Verdict) -> None:
        card = self._statistics.card()
        backoff = Backoff("record what became of a loop process's runs")
        while True:
            try:
                await self._store.queue.finish(card, verdict.outcomes)
                await self._store.queue.release(card, verdict.released)
            except Exception as error:  # noqa: BLE001 - as above
                await asyncio.sleep(backoff.failed(error))
            else:
                return

    async def _leave(self) -> None:
        """Finish the clearing and take the card away; within a bound, since leases end by themselves."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(5):
                await asyncio.gather(*self._clearing)
                if self._settings.enabled:
                    await self._store.queue.leave(self._statistics.card())
        with contextlib.suppress(Exception):
            await self._store.close()

    def _hello(self, incarnation: str) -> dict[str, object]:
        settings = self._settings
        card = asdict(self._statistics.card())
        return {
            "card": {**card, "incarnation": incarnation},
            "store": self._store_place,
            "redis": asdict(settings.redis),
            "handlers": settings.handlers,
            "serves": settings.serves,
            "types": asdict(settings.types),
            "batch_size": settings.batch_size,
            "block_ms": settings.block_ms,
            "cancel_grace": self._cancel_grace,
            "slots": slots_for(sum(settings.queues.values())),
            "limits": {"memory": settings.child_memory, "cpu_time": settings.child_cpu_time},
            "log_format": settings.log.log_format,
            "log_level": settings.log.log_level,
        }
