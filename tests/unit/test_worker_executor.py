"""What becomes of an attempt, whatever its handler does."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from eventually import eventually, gone
from kronstream.domain.retry import Retry
from kronstream.domain.run import Reason, State
from kronstream.ports import Claim, Outcome
from kronstream.worker import output
from kronstream.worker.context import Run
from kronstream.worker.discovery import load
from kronstream.worker.executor import LOST, RELEASED, allowed
from kronstream.worker.registry import Registry
from kronstream.worker.slate import ABANDONED, Phase
from unit.executorbench import HOSTILE, Bench
from unit.fakequeue import claim

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load([HOSTILE])


@pytest.fixture
async def bench(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    # what a child died of is told as soon as its parent says so, also where that takes a moment
    monkeypatch.setattr("kronstream.worker.children.STATUS_WAIT", 30.0)
    bench = Bench(registry)
    yield bench
    await bench.children.close()
    bench.slate.close()


@pytest.fixture(autouse=True)
def routed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import logging

    handler = output.TailHandler()
    logging.getLogger().addHandler(handler)
    yield
    logging.getLogger().removeHandler(handler)


def route(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", output.Routed(sys.stdout))


@pytest.mark.parametrize("name", ["async:echo", "sync:echo"])
async def test_success(bench: Bench, name: str) -> None:
    for payload, text in (({"a": ["ü", 1.5, None]}, '{"a":["ü",1.5,null]}'), (None, None), (0, "0")):
        outcome = await bench.outcome(name, payload)
        assert (outcome.state, outcome.result, outcome.failure) == (State.SUCCESS, text, None)


@pytest.mark.parametrize("name", ["async:raise", "sync:raise"])
async def test_an_error_is_recorded_with_what_was_printed(
    bench: Bench, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    route(monkeypatch)
    outcome = await bench.outcome(name)
    assert (outcome.state, outcome.reason, outcome.retry_in) == (State.FAILED, Reason.ERROR, None)
    assert outcome.failure is not None
    assert (outcome.failure.type, outcome.failure.message) == ("ValueError", "on purpose")
    assert "hostile_handlers.py" in outcome.failure.traceback
    assert "kronstream/worker" not in outcome.failure.traceback
    assert outcome.output.startswith("before the fall\n")


async def test_what_is_logged_is_in_the_output(bench: Bench) -> None:
    assert "WARNING hostile: and logged\n" in (await bench.outcome("async:raise")).output
    assert "INFO kronstream.run: [ns/job] logged by the run\n" in (await bench.outcome("sync:run")).output


async def test_a_failed_attempt_is_tried_again_by_the_policy(bench: Bench) -> None:
    retry = Retry(limit=2, initial=1_000, factor=2, jitter=0)
    attempts = [await bench.outcome("async:raise", retry=retry, attempt=number) for number in (1, 2, 3)]
    assert [(outcome.state, outcome.retry_in) for outcome in attempts] == [
        (State.RETRYING, 1_000),
        (State.RETRYING, 2_000),
        (State.FAILED, None),
    ]


@pytest.mark.parametrize(
    ("name", "payload", "reason", "says"),
    [
        ("async:silent", None, Reason.ERROR, "__str__ raised"),
        ("async:sys_exit", None, Reason.ERROR, "sys.exit"),
        ("async:interrupt", None, Reason.ERROR, ""),
        ("async:cancels_itself", None, Reason.ERROR, "cancelled itself"),
        ("async:task_exit", None, Reason.ERROR, "raised SystemExit"),
        ("async:result", "set", Reason.RESULT, "return sorted"),
        ("async:result", "big", Reason.RESULT, "64 KiB"),
        ("async:result", "deep", Reason.RESULT, "32 levels"),
        ("sync:sys_exit", None, Reason.ERROR, "sys.exit"),
        ("sync:bad_result", None, Reason.RESULT, "return sorted"),
        ("sync:coroutine", None, Reason.RESULT, "async def"),
        ("sync:exit", 3, Reason.CRASHED, "exited with code 3 before it returned"),
        ("sync:exit", 0, Reason.CRASHED, "exited with code 0 before it returned"),
        ("sync:segfault", None, Reason.CRASHED, "was killed by SIGSEGV"),
        ("sync:killed", None, Reason.CRASHED, "was killed by SIGKILL"),
        ("sync:closes", None, Reason.CRASHED, "exited"),
    ],
)
async def test_what_handlers_should_not_do(bench: Bench, name: str, payload: Any, reason: Reason, says: str) -> None:
    outcome = await bench.outcome(name, payload)
    assert (outcome.state, outcome.reason) == (State.FAILED, reason)
    assert outcome.failure is not None
    assert says in outcome.failure.message
    assert (await bench.outcome("sync:echo", 1)).state is State.SUCCESS
    assert (await bench.outcome("async:echo", 1)).state is State.SUCCESS


@pytest.mark.parametrize("name", ["async:forever", "async:stubborn", "sync:forever"])
async def test_what_never_ends_times_out(bench: Bench, name: str) -> None:
    await bench.children.start()
    outcome = await bench.outcome(name, timeout=500)
    assert (outcome.state, outcome.reason) == (State.FAILED, Reason.TIMEOUT)
    assert outcome.failure is not None
    assert outcome.failure.message == "the handler did not end within its timeout of 500ms"
    assert 500 <= outcome.duration < 5_000
    assert bench.slate[ABANDONED] == (name == "async:stubborn")


async def timed_out(bench: Bench, name: str, mark: Path) -> Outcome:
    """What is said of a handler whose time was up once it had left its mark."""
    one = claim(name, str(mark))
    report = bench.start(one)
    await asyncio.to_thread(eventually, lambda: mark.exists() and mark.read_text())
    bench.executor.end(one.token, Reason.TIMEOUT)
    outcome = await report
    assert outcome is not None
    assert outcome.reason is Reason.TIMEOUT
    return outcome


async def test_the_output_before_a_crash_and_a_timeout_is_kept(bench: Bench, tmp_path: Path) -> None:
    assert (await bench.outcome("sync:exit", 1)).output == "last words\n"
    assert (await timed_out(bench, "sync:forever", tmp_path / "mark")).output.startswith("begun ")


async def test_a_flood_of_output_keeps_its_end(bench: Bench) -> None:
    outcome = await bench.outcome("sync:flood", 500_000)
    assert outcome.state is State.SUCCESS
    assert outcome.output.endswith("x\nthe end of the flood\n")
    assert len(outcome.output.encode()) <= 16_384
    assert (await bench.outcome("sync:echo")).output == ""


async def test_an_idle_child_is_used_again_and_a_tired_one_is_not(bench: Bench) -> None:
    async def pid(name: str) -> str | None:
        return (await bench.outcome(name)).result

    first = await pid("sync:pid")
    assert await pid("sync:pid") == first
    assert await pid("sync:thread") == first
    assert await pid("sync:pid") != first
    assert (await bench.outcome("sync:close_stdout")).result == '"closed"'
    assert (await bench.outcome("sync:echo")).state is State.SUCCESS


async def test_an_idle_child_that_died_costs_no_attempt(bench: Bench) -> None:
    pid = int((await bench.outcome("sync:pid")).result or 0)
    os.kill(pid, 9)
    outcome = await bench.outcome("sync:pid")
    assert outcome.state is State.SUCCESS
    assert int(outcome.result or 0) != pid


async def test_a_killed_nursery_is_replaced(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    report = bench.start(claim("sync:forever", str(mark)))
    pid = await asyncio.to_thread(eventually, lambda: mark.exists() and mark.read_text())
    nursery = psutil.Process(int(pid)).parent()
    assert nursery is not None
    nursery.kill()
    outcome = await report
    assert outcome is not None
    assert outcome.reason is Reason.CRASHED
    assert (await bench.outcome("sync:echo", 1)).state is State.SUCCESS


async def test_many_at_once(bench: Bench) -> None:
    names = ["sync:echo", "async:echo", "sync:exit"] * 8
    outcomes = await asyncio.gather(*(bench.outcome(name, number) for number, name in enumerate(names)))
    for number, (name, outcome) in enumerate(zip(names, outcomes, strict=True)):
        if name == "sync:exit":
            assert outcome.reason is Reason.CRASHED
        else:
            assert outcome.result == str(number)


@pytest.mark.parametrize("name", ["async:forever", "async:stubborn", "sync:forever"])
async def test_cancelled_replaced_released_lost(bench: Bench, name: str) -> None:
    await bench.children.start()

    async def ended(why: str) -> Outcome | None:
        one = claim(name)
        report = bench.start(one)
        await asyncio.sleep(0)
        bench.executor.end(one.token, why)
        bench.executor.end(one.token, "later")
        return await asyncio.wait_for(report, 20)

    user = await ended("asked for by ann")
    assert user is not None
    assert (user.state, user.reason, user.retry_in) == (State.CANCELLED, None, None)
    replaced = await ended("replaced")
    assert replaced is not None
    assert (replaced.state, replaced.reason) == (State.CANCELLED, Reason.REPLACED)
    assert await ended(RELEASED) is None
    assert await ended(LOST) is None
    assert bench.executor.attempts == {}


async def test_ending_what_is_over_does_nothing(bench: Bench) -> None:
    one = claim("async:echo", 1)
    report = bench.start(one)
    await asyncio.sleep(0)
    bench.executor.end(one.token, "cancelled")
    outcome = await report
    assert outcome is not None
    assert outcome.state is State.SUCCESS
    bench.executor.end("unknown", "cancelled")


async def test_killing_a_handler_kills_the_programs_it_started(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    await timed_out(bench, "sync:program", mark)
    pid = int(mark.read_text())
    await asyncio.to_thread(eventually, lambda: gone(pid))


async def test_the_slate_tells_who_executes(bench: Bench) -> None:
    seen: list[int | None] = []

    async def watched(payload: Any) -> None:
        seen.append(bench.slate.executing)
        await asyncio.sleep(0)
        seen.append(bench.slate.executing)

    bench.registry.add("watched", watched)
    await bench.outcome("watched")
    assert seen == [0, 0]
    assert bench.slate.executing is None
    (held,) = bench.slate.held()
    assert held.phase is Phase.LOOP
    assert held.deadline > 0


async def test_the_slate_tells_who_started_the_task_that_executes(bench: Bench) -> None:
    seen: list[int | None] = []

    async def task() -> None:
        seen.append(bench.slate.executing)

    async def starts(payload: Any) -> None:
        await asyncio.gather(task(), asyncio.create_task(task()))

    bench.registry.add("starts", starts)
    await bench.outcome("async:echo")
    await bench.outcome("starts")
    assert seen == [1, 1]


async def test_libraries_that_look_into_tasks_work(bench: Bench) -> None:
    assert (await bench.outcome("async:anyio")).result == '"slept"'


async def test_a_task_cancelled_before_its_first_step_leaves_no_warning(bench: Bench) -> None:
    async def hasty(payload: Any) -> None:
        asyncio.create_task(asyncio.sleep(0)).cancel()
        await asyncio.sleep(0)

    bench.registry.add("hasty", hasty)
    assert (await bench.outcome("hasty")).state is State.SUCCESS
    one = claim("async:forever")
    report = bench.start(one)
    bench.executor.end(one.token, "cancelled")
    assert (await report) is not None


async def test_a_run_knows_itself(bench: Bench) -> None:
    outcome = await bench.outcome("sync:run", run="uid-r7", retry=Retry(limit=4), attempt=2)
    assert outcome.result == ('{"id":"uid-r7","job":"ns/job","attempt":2,"of":5,"nominal":"2023-11-14T22:13:20+00:00"}')


async def test_cancelled_is_true_before_the_cancellation(bench: Bench) -> None:
    flags: list[bool] = []

    async def looks(payload: Any, run: Any) -> None:
        flags.append(run.cancelled)
        try:
            await asyncio.Event().wait()
        finally:
            flags.append(run.cancelled)

    bench.registry.add("looks", looks)
    await bench.outcome("looks", timeout=50)
    assert flags == [False, True]


class Waiting:
    """A handler type that waits, and tells how it was ended."""

    name = "@waiting"

    def __init__(self) -> None:
        self.endings: list[tuple[bool, bool]] = []

    async def execute(self, claim: Claim, run: Run) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.endings.append((run.cancelled, run.handed_back))

    async def close(self) -> None:
        """Nothing."""


async def test_a_handler_type_knows_whether_its_run_goes_on_elsewhere(bench: Bench) -> None:
    kind = Waiting()
    bench.registry.add_type(kind)
    for why in ("requested", RELEASED, LOST):
        one = claim(kind.name)
        report = bench.start(one)
        await asyncio.sleep(0)
        bench.executor.end(one.token, why)
        await report
    timed_out = await bench.outcome(kind.name, timeout=50)
    assert timed_out.reason is Reason.TIMEOUT
    assert kind.endings == [(True, False), (True, True), (True, True), (True, False)]
    assert {entry.phase for entry in bench.slate.held()} == {Phase.TYPE}


async def test_the_duration_of_an_attempt_that_was_taken_over_is_that_of_both_workers(bench: Bench) -> None:
    begun = int(time.time() * 1000) - 60_000
    assert 60_000 <= (await bench.outcome("async:echo", started=begun)).duration < 90_000


def test_an_attempt_that_was_taken_over_has_had_a_part_of_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronstream.worker.executor.time.time", lambda: 1_000_000.0)
    now = 1_000_000_000
    assert allowed(claim(timeout=60_000)) == 60_000
    assert allowed(claim(timeout=60_000, started=now - 20_000)) == 40_000
    assert allowed(claim(timeout=60_000, started=now + 5_000)) == 60_000, "clocks differ"
    # its work may have ended in time while nobody looked: so long it takes to see that
    assert allowed(claim(timeout=60_000, started=now - 600_000)) == 10_000
    assert allowed(claim(timeout=500, started=now - 600_000)) == 500
