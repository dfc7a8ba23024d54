"""Executing claims: async functions in the loop, sync ones in children; each ends in one outcome, whatever it does."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable

from kronstream.domain.run import Reason
from kronstream.logs import masked
from kronstream.ports import Claim, Failure, Outcome
from kronstream.worker import failure
from kronstream.worker.children import Children, Crashed
from kronstream.worker.context import Run, facts, run_of
from kronstream.worker.outcome import Ended, cancelled, outcome, raised
from kronstream.worker.output import Tail, capture
from kronstream.worker.registry import Function, Registry
from kronstream.worker.result import Unfit, encode
from kronstream.worker.slate import ABANDONED, Phase, Slate
from kronstream.worker.watch import Seat, seat, watch_tasks

LEAST_LEFT = 10_000

log = logging.getLogger(__name__)

Done = Callable[[Claim, Outcome | None], None]
"""Called once for every attempt that began; None for one that was stopped without an outcome."""


class Attempt:
    """One attempt that executes."""

    __slots__ = ("claim", "ending", "executor", "had", "run", "seat", "started", "tail", "task", "timer")

    def __init__(self, executor: Executor, claim: Claim, slot: int, function: Function) -> None:
        self.executor = executor
        self.claim = claim
        self.tail = Tail()
        self.run: Run | None = None
        self.ending: str | None = None
        self.started = time.monotonic()
        self.had = had(claim)
        loop = executor.loop
        self.seat = Seat(slot)
        context = contextvars.copy_context()
        if function.is_async:
            body = self._in_loop(function)
            context.run(seat.set, self.seat)
            context.run(capture.set, self.tail)
        else:
            body = self._in_child(function)
        self.task: asyncio.Task[Ended] = loop.create_task(body, context=context)
        self.task.add_done_callback(self._done)
        self.timer = loop.call_later(left(claim) / 1000, self.end, Reason.TIMEOUT)

    async def _in_loop(self, function: Function) -> Ended:
        try:
            if function.is_type:
                return Ended(result=encode(await function.call(self.claim, self._make_run())))
            return Ended(result=encode(await function.invoke(self.claim.work.payload, self._make_run)))
        except asyncio.CancelledError:
            if self.ending is not None:
                raise
            return Ended(None, Reason.ERROR, Failure("CancelledError", "the handler cancelled itself"))
        except Unfit as unfit:
            return Ended(None, Reason.RESULT, Failure("InvalidResult", str(unfit)))
        except BaseException as error:  # noqa: BLE001 - a SystemExit would end the loop with every other run
            return raised(error, self.run.wait if self.run is not None else None)

    async def _in_child(self, function: Function) -> Ended:
        claim = self.claim
        task = {"function": function.name, "payload": claim.work.payload, "run": facts(claim, self._deadline())}
        try:
            answer = await self.executor.children.run(task, self.tail)
        except Crashed as crash:
            return Ended(None, Reason.CRASHED, Failure("Crashed", str(crash)))
        if "reason" not in answer:
            return Ended(result=answer.get("result"))
        told = Failure(answer["type"], answer["message"], answer.get("traceback", ""))
        return Ended(None, Reason(answer["reason"]), told, answer.get("wait"), tuple(answer.get("codes", ())))

    def _make_run(self) -> Run:
        self.run = run_of(facts(self.claim, self._deadline()))
        return self.run

    def _deadline(self) -> int:
        return int(time.time() * 1000) + left(self.claim)

    @property
    def duration(self) -> int:
        """Milliseconds since it began, with another worker if it was taken over."""
        return self.had + int((time.monotonic() - self.started) * 1000)

    def end(self, why: str) -> None:
        """Cancel the handler: `why` is a reason, RELEASED or LOST. The first call counts, before its end."""
        if self.ending is not None or self.task.done():
            return
        self.ending = why
        self.timer.cancel()
        if self.run is not None:
            self.run.handed_back = why in (RELEASED, LOST)
            self.run.cancelled = True
        self.task.cancel()
        self.timer = self.executor.loop.call_later(self.executor.cancel_grace, self._abandon)

    def _abandon(self) -> None:
        """The handler goes on in spite of its cancellation: the books are closed without it."""
        log.warning(
            "the handler %s of run %s goes on though it was cancelled (%s)",
            self.claim.work.function, self.claim.run, self.ending,
        )  # fmt: skip
        self.seat.abandon()
        self.executor.slate[ABANDONED] += 1
        self.task.remove_done_callback(self._done)
        self.task.add_done_callback(self.executor.forget)
        self.executor.abandoned.add(self.task)
        self.executor.finished(self, self._ended(None))

    def _done(self, task: asyncio.Task[Ended]) -> None:
        self.timer.cancel()
        ended: Ended | None = None
        if not task.cancelled():
            error = task.exception()
            ended = task.result() if error is None else raised(error)
        self.executor.finished(self, self._ended(ended))

    def _ended(self, ended: Ended | None) -> Outcome | None:
        claim, output = self.claim, masked(self.tail.text())
        if self.ending in (RELEASED, LOST):
            return None
        if self.ending == Reason.TIMEOUT:
            ended = Ended(None, Reason.TIMEOUT, failure.timed_out(claim.work.timeout))
        elif self.ending is not None:
            return cancelled(claim, self.ending, self.duration, output)
        if ended is not None and ended.parked:
            return None
        if ended is None:
            ended = Ended(None, Reason.ERROR, Failure("CancelledError", "the handler's task was cancelled"))
        return outcome(claim, ended, self.duration, output)


def left(claim: Claim) -> int:
    """Milliseconds until the attempt times out. One that another worker began has had some of them, but gets as many as
    it takes to see whether its work has ended meanwhile."""
    timeout = claim.work.timeout
    return max(min(timeout, LEAST_LEFT), timeout - had(claim))


def had(claim: Claim) -> int:
    """Milliseconds that an attempt has gone on for before this worker had it, by this machine's clock."""
    return 0 if claim.started is None else max(0, int(time.time() * 1000) - claim.started)


RELEASED = "released"
LOST = "lost"


class Executor:
    """Starts attempts and ends them early. `cancel_grace`: seconds a cancelled handler may take to end."""

    def __init__(
        self, registry: Registry, children: Children, slate: Slate, done: Done, cancel_grace: float = 5.0
    ) -> None:
        self.registry = registry
        self.children = children
        self.slate = slate
        self.cancel_grace = cancel_grace
        self.loop = asyncio.get_running_loop()
        watch_tasks(self.loop, slate)
        self.attempts: dict[str, Attempt] = {}  # by token: a run may be here twice, the older one abandoned
        self.abandoned: set[asyncio.Task[Ended]] = set()
        self._report = done

    def start(self, claim: Claim, slot: int, function: Function) -> None:
        """Begin an attempt; its outcome comes by the callback."""
        deadline = time.monotonic_ns() + left(claim) * 1_000_000
        phase = Phase.TYPE if function.is_type else Phase.LOOP if function.is_async else Phase.CHILD
        self.slate.mark(slot, phase, deadline)
        self.attempts[claim.token] = Attempt(self, claim, slot, function)

    def end(self, token: str, why: str) -> None:
        """End an attempt early, if it still executes."""
        attempt = self.attempts.get(token)
        if attempt is not None:
            attempt.end(why)

    def finished(self, attempt: Attempt, result: Outcome | None) -> None:
        """An attempt is over."""
        del self.attempts[attempt.claim.token]
        self._report(attempt.claim, result)

    def forget(self, task: asyncio.Task[Ended]) -> None:
        """An abandoned handler ended after all."""
        self.abandoned.discard(task)
        self.slate[ABANDONED] = len(self.abandoned)
        if not task.cancelled():
            task.exception()
