"""Executing claims: async functions in the loop, sync ones in children; each ends in one outcome, whatever it does."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable
from signal import SIGXCPU

from kronstream.domain.run import Reason
from kronstream.logs import bind, masked
from kronstream.ports import Claim, Failure, Outcome
from kronstream.ports.result import Unfit, encode
from kronstream.worker import failure
from kronstream.worker.children import Children, Crashed
from kronstream.worker.context import Run, facts, run_of
from kronstream.worker.limits import CPU_CODE, CPU_TIME, NO_LIMITS, Limits
from kronstream.worker.marks import marks
from kronstream.worker.notes import Notes
from kronstream.worker.outcome import Ended, cancelled, outcome, raised
from kronstream.worker.output import Tail, capture
from kronstream.worker.progress import Pace
from kronstream.worker.registry import Function, Registry
from kronstream.worker.slate import ABANDONED, Phase, Slate
from kronstream.worker.traces import Traces
from kronstream.worker.watch import Seat, seat, watch_tasks

LEAST_LEFT = 10_000

log = logging.getLogger(__name__)

Done = Callable[[Claim, Outcome | None], None]
"""Called once for every attempt that began; None for one that was stopped without an outcome."""


def allowed(claim: Claim) -> int:
    """Milliseconds that this attempt may take: by its own timeout and by what is left of that of all attempts.

    One that another worker began has had some of them, but gets as many as it takes to see whether its work has ended
    meanwhile.
    """
    timeout, total = claim.work.timeout, claim.work.total_timeout
    own = max(min(timeout, LEAST_LEFT), timeout - had(claim))
    return own if total is None else max(0, min(own, total - claim.spent))


def had(claim: Claim) -> int:
    """Milliseconds that an attempt has gone on for before this worker had it, by this machine's clock."""
    return 0 if claim.started is None else max(0, int(time.time() * 1000) - claim.started)


class Attempt:
    """One attempt that executes."""

    __slots__ = (
        "allowed", "calling", "claim", "ending", "executor", "had", "last", "pace", "patience", "run", "seat",
        "span", "started", "tail", "task", "timer", "told",
    )  # fmt: skip

    def __init__(self, executor: Executor, claim: Claim, slot: int, function: Function) -> None:
        self.executor = executor
        self.claim = claim
        self.tail = executor.tail()
        self.run: Run | None = None
        self.pace: Pace | None = None
        self.told: str | None = None  # progress that an async handler last spoke of
        self.calling = False
        self.last: str | None = None  # what the last success returned
        self.ending: str | None = None
        self.started = time.monotonic()
        self.had = had(claim)
        loop = executor.loop
        self.seat = Seat(slot)
        self.allowed = allowed(claim)
        context = contextvars.copy_context()
        context.run(bind, marks(claim))
        if function.is_async:
            body = self._in_loop(function)
            context.run(seat.set, self.seat)
            context.run(capture.set, self.tail)
        else:
            body = self._in_child(function)
        self.span = executor.traces.begin(claim, context) if executor.traces is not None else None
        self.task: asyncio.Task[Ended] = loop.create_task(body, context=context)
        self.task.add_done_callback(self._done)
        self.timer = loop.call_later(self.allowed / 1000, self.end, Reason.TIMEOUT)
        expected = claim.work.expected
        self.patience = loop.call_later(expected / 1000, executor.slow, claim) if expected is not None else None

    async def _in_loop(self, function: Function) -> Ended:
        try:
            if function.is_type:
                return Ended(result=encode(await function.call(self.claim, self._make_run())))
            if self.claim.last_success is not None:
                await self._look_back(function)
            return Ended(result=encode(await function.invoke(self.claim.work.payload, self._make_run)))
        except asyncio.CancelledError:
            if self.ending is not None:
                raise
            return Ended(None, Reason.ERROR, Failure("CancelledError", "the handler cancelled itself"))
        except Unfit as unfit:
            return Ended(None, Reason.RESULT, Failure("InvalidResult", str(unfit)))
        except BaseException as error:  # noqa: BLE001 - a SystemExit would end the loop with every other run
            return raised(error, self.run.wait if self.run is not None else None)
        finally:
            if self.told is not None:
                await asyncio.sleep(0)  # what was told just now is noted
                await self._close_pace()

    async def _in_child(self, function: Function) -> Ended:
        claim = self.claim
        if claim.last_success is not None:
            await self._look_back(function)
        task = {
            "function": function.name, "payload": claim.work.payload, "run": facts(claim, self._deadline(), self.last),
            "marks": marks(claim),
        }  # fmt: skip
        limits = self.executor.limits
        if claim.work.limits is not None:
            limits = Limits.of(claim.work.limits).or_else(limits)
        if limits is not NO_LIMITS:
            task["limits"] = limits.dump()
        try:
            answer = await self.executor.children.run(task, self.tail, self._note)
        except Crashed as crash:
            if crash.signal == SIGXCPU and limits.cpu_time is not None:
                return Ended(None, Reason.CRASHED, Failure(CPU_TIME, limits.cpu_spent), codes=(CPU_CODE,))
            return Ended(None, Reason.CRASHED, Failure("Crashed", str(crash)))
        finally:
            await self._close_pace()
        if "reason" not in answer:
            return Ended(result=answer.get("result"))
        told = Failure(answer["type"], answer["message"], answer.get("traceback", ""))
        return Ended(None, Reason(answer["reason"]), told, answer.get("wait"), tuple(answer.get("codes", ())))

    async def _look_back(self, function: Function) -> None:
        """Have what the last success returned, for a function that may look at it."""
        if self.executor.notes is not None and function.takes_run:
            self.last = await self.executor.notes.last_result(self.claim)

    def _make_run(self) -> Run:
        self.run = run_of(facts(self.claim, self._deadline(), self.last), self._tell)
        return self.run

    def _tell(self, line: str) -> None:
        """Progress of an async handler, from any thread."""
        self.told = line
        if not self.calling:  # set before told is read: no word is lost, and a flood is one call
            self.calling = True
            self.executor.loop.call_soon_threadsafe(self._heard)

    def _heard(self) -> None:
        self.calling = False
        assert self.told is not None
        self._note(self.told)

    def _note(self, line: str) -> None:
        if self.pace is None and self.executor.notes is not None:
            self.pace = self.executor.notes.pace(self.claim)
        if self.pace is not None:
            self.pace.note(line)

    async def _close_pace(self) -> None:
        if self.pace is not None:
            await self.pace.close()

    def _deadline(self) -> int:
        return int(time.time() * 1000) + allowed(self.claim)

    def _timed_out(self) -> Failure:
        work = self.claim.work
        return failure.timed_out(work.timeout, self.allowed if work.total_timeout is not None else None)

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
            ended = Ended(None, Reason.TIMEOUT, self._timed_out())
        elif self.ending is not None:
            return cancelled(claim, self.ending, self.duration, output)
        if ended is not None and ended.parked:
            return None
        if ended is None:
            ended = Ended(None, Reason.ERROR, Failure("CancelledError", "the handler's task was cancelled"))
        return outcome(claim, ended, self.duration, output)


RELEASED = "released"
LOST = "lost"


class Executor:
    """Starts attempts and ends them early. `cancel_grace`: seconds a cancelled handler may take to end.

    `limits` are those of sync functions whose jobs set none; without `notes` no progress is written.
    """

    def __init__(
        self,
        registry: Registry,
        children: Children,
        slate: Slate,
        done: Done,
        cancel_grace: float = 5.0,
        slow: Callable[[Claim], None] = lambda _: None,
        *,
        notes: Notes | None = None,
        limits: Limits = NO_LIMITS,
        tail: Callable[[], Tail] = Tail,
        traces: Traces | None = None,
    ) -> None:
        self.traces = traces
        self.slow = slow
        self.registry = registry
        self.children = children
        self.slate = slate
        self.notes = notes
        self.limits = limits
        self.tail = tail
        self.cancel_grace = cancel_grace
        self.loop = asyncio.get_running_loop()
        watch_tasks(self.loop, slate)
        self.attempts: dict[str, Attempt] = {}  # by token: a run may be here twice, the older one abandoned
        self.abandoned: set[asyncio.Task[Ended]] = set()
        self._report = done
        self._warned: set[str] = set()

    def start(self, claim: Claim, slot: int, function: Function) -> None:
        """Begin an attempt; its outcome comes by the callback."""
        deadline = time.monotonic_ns() + allowed(claim) * 1_000_000
        phase = Phase.TYPE if function.is_type else Phase.LOOP if function.is_async else Phase.CHILD
        self.slate.mark(slot, phase, deadline)
        if function.is_async and claim.work.limits is not None:
            self._warn_once(claim)
        self.attempts[claim.token] = Attempt(self, claim, slot, function)

    def _warn_once(self, claim: Claim) -> None:
        if claim.work.function not in self._warned:
            self._warned.add(claim.work.function)
            log.warning(
                "the limits of %s/%s do nothing: %s is an async function, which shares its process with others; "
                "limits are for functions without async", claim.work.namespace, claim.work.name, claim.work.function,
            )  # fmt: skip

    def end(self, token: str, why: str) -> None:
        """End an attempt early, if it still executes."""
        attempt = self.attempts.get(token)
        if attempt is not None:
            attempt.end(why)

    def finished(self, attempt: Attempt, result: Outcome | None) -> None:
        """An attempt is over."""
        if attempt.patience is not None:
            attempt.patience.cancel()
        if self.traces is not None:
            self.traces.end(attempt.span, result)
        del self.attempts[attempt.claim.token]
        self._report(attempt.claim, result)

    def forget(self, task: asyncio.Task[Ended]) -> None:
        """An abandoned handler ended after all."""
        self.abandoned.discard(task)
        self.slate[ABANDONED] = len(self.abandoned)
        if not task.cancelled():
            task.exception()
