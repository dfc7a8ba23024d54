"""Testing handlers: `run_handler` and the pytest plugin, as users have them."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kronstream.domain.retry import Retry
from kronstream.domain.run import Reason, State
from kronstream.handlers import LastSuccess, Run
from kronstream.testing.handlers import Trial, UnknownHandlerError, run_handler, run_handler_async
from kronstream.worker import output

HANDLERS = [str(Path(__file__).parent.parent / "trial_handlers.py")]


@pytest.mark.parametrize("name", ["trial:add", "trial:add_async"])
def test_a_result_is_what_the_record_would_have(kronstream_run: Callable[..., Trial], name: str) -> None:
    trial = kronstream_run(name, {"left": "1"}, handlers=HANDLERS)
    assert trial.ok
    assert (trial.state, trial.result, trial.error, trial.output) == (State.SUCCESS, {"sum": 2}, None, "adding\n")


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_in_a_loop(kronstream_run_async: Callable[..., Awaitable[Trial]], anyio_backend: str) -> None:
    first, second = await asyncio.gather(
        kronstream_run_async("trial:add_async", {"left": 1}, handlers=HANDLERS),
        kronstream_run_async("trial:add", {"left": 2}, handlers=HANDLERS),
    )
    assert (first.result, first.output, second.result) == ({"sum": 2}, "adding\n", {"sum": 3})
    assert run_handler("trial:add", {"left": 3}).result == {"sum": 4}
    with pytest.raises(RuntimeError, match=r"await run_handler_async\(…\) instead"):
        run_handler("trial:add_async", {"left": 3})
    slow = await run_handler_async("trial:sleeps", {"seconds": 60}, handlers=HANDLERS, timeout=0.05)
    assert (slow.reason, slow.error and slow.error.type) == (Reason.TIMEOUT, "Timeout")


def test_fields_of_the_run_and_what_it_tells() -> None:
    past = LastSuccess(datetime(2026, 1, 1, tzinfo=UTC), result={"rows": 3})
    trial = run_handler("trial:told", handlers=HANDLERS, attempt=2, last_success=past)
    assert trial.result == {"attempt": 2, "of": 4, "last": {"rows": 3}, "left": True}
    assert trial.progress == ({"done": 0.25, "text": "a quarter", "data": {"rows": 1}}, {"done": 1.0})
    assert "still here" in trial.output


def test_an_error_is_judged_by_the_retry_policy() -> None:
    trial = run_handler("trial:fails", {}, handlers=HANDLERS, retry=Retry(limit=2, initial=4_000, jitter=0))
    assert (trial.state, trial.reason, trial.retry_in) == (State.RETRYING, Reason.ERROR, 4.0)
    assert trial.error is not None
    assert (trial.error.type, trial.error.message) == ("ValueError", "on purpose")
    assert "trial_handlers.py" in trial.error.traceback
    assert run_handler("trial:fails", {"how": "later"}, handlers=HANDLERS).retry_in == 90.0
    assert run_handler("trial:fails", {"how": "permanent"}, handlers=HANDLERS).reason is Reason.PERMANENT
    assert run_handler("trial:fails", {"how": "exit"}, handlers=HANDLERS).reason is Reason.ERROR
    assert run_handler("trial:fails", {}, handlers=HANDLERS, attempt=3, max_attempts=3).state is State.FAILED
    assert run_handler("trial:add", {}, handlers=HANDLERS).error.type == "InvalidPayload"  # type: ignore[union-attr]


def test_a_function_needs_no_name() -> None:
    def double(size: int, run: Run) -> int:
        return size * 2

    assert run_handler(double, {"size": 2}).result == 4
    unfit = run_handler(lambda payload: {1}, None)
    assert (unfit.reason, unfit.state) == (Reason.RESULT, State.RETRYING)


def test_what_is_not_known_or_not_json_is_the_tests_fault() -> None:
    with pytest.raises(UnknownHandlerError, match="did you mean trial:add"):
        run_handler("trial:adds", handlers=HANDLERS)
    with pytest.raises(TypeError, match="not JSON serializable"):
        run_handler("trial:add", {"left": object()}, handlers=HANDLERS)


def test_nothing_stays_captured() -> None:
    streams, handlers = (sys.stdout, sys.stderr), list(logging.getLogger().handlers)
    level = logging.getLogger().level
    with output.routed(output.Tail()), output.routed():
        pass
    run_handler("trial:fails", {}, handlers=HANDLERS)
    assert (sys.stdout, sys.stderr) == streams
    assert logging.getLogger().handlers == handlers
    assert logging.getLogger().level == level


def test_the_plugin_costs_a_start_of_pytest_nothing() -> None:
    """It is loaded at every start, also of those who do not test handlers."""
    code = "import sys, kronstream.worker.pytestplugin; print([m for m in sys.modules if m.split('.')[0] in {set}])"
    heavy: Any = {"pydantic", "redis", "kubernetes", "kopf", "asyncio", "uvloop"}
    done = subprocess.run(
        [sys.executable, "-c", "import pytest;" + code.replace("{set}", repr(heavy - {"asyncio"}))],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
