"""Trying a handler without Redis and cluster: in this process, for tests, or as a worker executes it, in a child."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from kronstream.domain.retry import Retry
from kronstream.domain.run import Lane, Reason, State, Trigger, run_id
from kronstream.domain.work import Work
from kronstream.ports import Claim, Failure, Outcome
from kronstream.ports import LastSuccess as Last
from kronstream.ports.result import Unfit, encode
from kronstream.worker import failure
from kronstream.worker.children import Children
from kronstream.worker.context import Run
from kronstream.worker.discovery import load
from kronstream.worker.executor import Executor
from kronstream.worker.notes import Notes
from kronstream.worker.outcome import Ended, outcome, raised
from kronstream.worker.output import Tail, routed
from kronstream.worker.registry import Function, Registry, describe, offered
from kronstream.worker.slate import Slate

Target = str | Callable[..., Any]


class UnknownHandlerError(LookupError):
    """There is no handler of that name; the text tells which names are like it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one attempt.

    ``state`` is success, retrying or failed; ``result`` the parsed JSON that the record would have; ``retry_in`` the
    seconds after which a worker would try again, None when it would not; ``progress`` what the handler said of itself
    (``{"done": 0.5, "text": "…"}``); ``duration`` seconds.
    """

    state: State
    result: Any = None
    reason: Reason | None = None
    error: Failure | None = None
    retry_in: float | None = None
    output: str = ""
    progress: tuple[dict[str, Any], ...] = ()
    duration: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.state is State.SUCCESS


def run_handler(
    handler: Target,
    payload: Any = None,
    *,
    handlers: Iterable[str] = (),
    timeout: float = 60.0,
    retry: Retry | None = None,
    **run: Any,
) -> Trial:
    """One attempt of a handler, by its name or the function itself, in this process.

    The payload is read, the result checked, an error judged by the retry policy as in a worker. `handlers` are modules,
    files or folders to look for a name in; `run` are fields of the Run (`attempt=2`, `last_success=LastSuccess(…)`). A
    function without async is called right here, so its timeout and limits are not enforced. Raises
    UnknownHandlerError, and TypeError for a payload that is no JSON; what the handler raises is in the answer.
    """
    function = find(handler, handlers)
    if not function.is_async:
        return _Bench(function, payload, timeout, retry, run).call()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_Bench(function, payload, timeout, retry, run).call_async())
    raise RuntimeError("run_handler cannot wait for an async handler in a loop; await run_handler_async(…) instead")


async def run_handler_async(
    handler: Target,
    payload: Any = None,
    *,
    handlers: Iterable[str] = (),
    timeout: float = 60.0,
    retry: Retry | None = None,
    **run: Any,
) -> Trial:
    """As run_handler, in the running loop; for async handlers in async tests, and others too."""
    function = find(handler, handlers)
    bench = _Bench(function, payload, timeout, retry, run)
    return await bench.call_async() if function.is_async else bench.call()


def find(handler: Target, handlers: Iterable[str] = ()) -> Function:
    """The handler of a name, or of a function. Raises UnknownHandlerError and LoadError."""
    if not isinstance(handler, str):
        known = next((one for one in offered if one.call is handler), None)
        return known or describe(getattr(handler, "__name__", "handler"), handler)
    found = offered.get(handler)
    if found is None:
        found = load(handlers).get(handler)
    if found is None:
        raise UnknownHandlerError(unknown(offered, handler))
    return found


def unknown(registry: Registry, name: str) -> str:
    """What is said of a name that nothing is registered under."""
    like = registry.like(name)
    known = f"did you mean {' or '.join(like)}?" if like else f"known are {', '.join(registry.names)[:500]}"
    return f"no handler is called {name[:128]!r}; {known}"


def claim_of(function: str, payload: Any, run: Run, retry: Retry, timeout: float) -> Claim:
    """The claim that such a Run would be made of; the id tells the trigger."""
    nominal = _ms(run.nominal)
    work = Work(run.namespace, run.name, function, payload, int(timeout * 1000), retry, run.platform_id)
    last = run.last_success
    return Claim(
        run=run_id("trial", Trigger[run.trigger.upper()], str(nominal)),
        token="trial",  # noqa: S106 - of no store
        uid="trial",
        generation=1,
        attempt=run.attempt,
        nominal=nominal,
        deliveries=1,
        lane=Lane.MEDIUM,
        work=work,
        previous=_ms(run.previous) if run.previous is not None else None,
        last_success=Last(last.run, _ms(last.nominal), last.result is not None) if last is not None else None,
        trace=run.trace_id,
    )


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


class _Bench:
    """One attempt in this process."""

    def __init__(
        self, function: Function, payload: Any, timeout: float, retry: Retry | None, fields: dict[str, Any]
    ) -> None:
        now = datetime.now(UTC)
        retry = retry or Retry(limit=fields.get("max_attempts", Retry().attempts) - 1)
        given = {"nominal": now, "deadline": now + timedelta(seconds=timeout), "max_attempts": retry.attempts, **fields}
        self.run = Run(**given)
        self.run._tell = lambda line: self.progress.append(json.loads(line))  # noqa: SLF001 - as the worker does
        self.function = function
        self.payload = json.loads(json.dumps(payload))
        self.timeout = timeout
        self.claim = claim_of(function.name, self.payload, self.run, retry, timeout)
        self.progress: list[dict[str, Any]] = []
        self.tail = Tail()
        self.began = time.monotonic()

    def call(self) -> Trial:
        with routed(self.tail):
            try:
                ended = Ended(result=encode(self.function.invoke(self.payload, lambda: self.run)))
            except BaseException as error:  # noqa: BLE001 - as in a worker
                ended = self._raised(error)
        return self._trial(ended)

    async def call_async(self) -> Trial:
        with routed(self.tail):
            try:
                async with asyncio.timeout(self.timeout) as limit:
                    ended = Ended(result=encode(await self.function.invoke(self.payload, lambda: self.run)))
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # noqa: BLE001 - as in a worker
                ended = self._raised(error)
                if limit.expired():
                    ended = Ended(None, Reason.TIMEOUT, failure.timed_out(self.claim.work.timeout))
        return self._trial(ended)

    def _raised(self, error: BaseException) -> Ended:
        if isinstance(error, KeyboardInterrupt):
            raise error  # somebody ends the tests
        if isinstance(error, Unfit):
            return Ended(None, Reason.RESULT, Failure("InvalidResult", str(error)))
        return raised(error, self.run.wait)

    def _trial(self, ended: Ended) -> Trial:
        duration = int((time.monotonic() - self.began) * 1000)
        return trial_of(outcome(self.claim, ended, duration, self.tail.text()), self.progress)


def trial_of(outcome: Outcome, progress: Iterable[dict[str, Any]] = ()) -> Trial:
    """An outcome as people look at it."""
    return Trial(
        state=outcome.state,
        result=None if outcome.result is None else json.loads(outcome.result),
        reason=outcome.reason,
        error=outcome.failure,
        retry_in=None if outcome.retry_in is None else outcome.retry_in / 1000,
        output=outcome.output,
        progress=tuple(progress),
        duration=outcome.duration / 1000,
    )


class Workbench:
    """Executes claims as a worker does, with a store that is not there.

    `print_` is given what the handler prints, at once, `told` its progress; `handlers` are the places that children
    load.
    """

    def __init__(
        self,
        registry: Registry,
        handlers: Iterable[str],
        print_: Callable[[str], None],
        told: Callable[[dict[str, Any]], None],
    ) -> None:
        self._registry = registry
        self._hello = {"handlers": list(handlers), "log_format": "", "log_level": "info"}
        self._print = print_
        self._told = told

    async def execute(self, claim: Claim) -> Trial:
        """One attempt. Raises UnknownHandlerError."""
        function = self._registry.get(claim.work.function)
        if function is None:
            raise UnknownHandlerError(unknown(self._registry, claim.work.function))
        ended: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()
        slate = Slate(1)
        children = Children(self._hello, lambda data: self._print(data.decode("utf-8", "replace")))
        notes = Notes(self, self)
        tail = (lambda: _Echo(self._print)) if function.is_async else Tail
        executor = Executor(
            self._registry, children, slate, lambda _, outcome: ended.set_result(outcome), notes=notes, tail=tail
        )
        try:
            with routed():
                if not function.is_async:
                    await children.start()  # what loading takes is not the handler's time
                executor.start(claim, 0, function)
                outcome = await ended
        finally:
            await children.close()
            slate.close()
        assert outcome is not None, "an attempt here is neither released nor parked"
        return trial_of(outcome)

    async def result(self, run: str) -> str | None:
        """See RunQueue; there is no history."""
        del run
        return None

    async def progress(self, run: str, token: str, progress: str) -> bool:
        """See Externals."""
        del run, token
        self._told(json.loads(progress))
        return True


class _Echo(Tail):
    """A tail that shows what is written, too."""

    __slots__ = ("_show",)

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__()
        self._show = show

    def write(self, text: str) -> None:
        """See Tail."""
        self._show(text)
        super().write(text)


def with_limits(claim: Claim, memory: int | None, cpu_time: int | None) -> Claim:
    """The claim of a job that sets limits."""
    limits = {name: value for name, value in (("memory", memory), ("cpu_time", cpu_time)) if value is not None}
    return replace(claim, work=replace(claim.work, limits=limits or None))
