"""How long an attempt may take, and when it takes longer than expected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from kronstream.domain.run import Reason, State
from kronstream.ports import Claim, Outcome
from kronstream.worker.children import Children
from kronstream.worker.executor import Executor, allowed
from kronstream.worker.registry import Registry
from kronstream.worker.slate import Slate
from unit.fakequeue import claim

pytestmark = pytest.mark.anyio


async def wait(payload: float) -> None:
    await asyncio.sleep(payload)


class Bench:
    """An executor of one function that waits as many seconds as its payload says."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.registry.add("wait", wait)
        self.slow: asyncio.Queue[Claim] = asyncio.Queue()
        self.ended: asyncio.Queue[Outcome | None] = asyncio.Queue()
        self.slate = Slate(10)
        self.executor = Executor(
            self.registry, Children({}), self.slate, lambda _, outcome: self.ended.put_nowait(outcome), 0.1,
            self.slow.put_nowait,
        )  # fmt: skip

    async def outcome(self, seconds: float, spent: int = 0, **work: Any) -> Outcome:
        one = claim("wait", seconds)
        one = replace(one, spent=spent, work=replace(one.work, **work))
        function = self.registry.get("wait")
        assert function
        self.slate.put(0, one)
        self.executor.start(one, 0, function)
        async with asyncio.timeout(30):
            found = await self.ended.get()
        assert found
        return found


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    bench.slate.close()


@pytest.mark.parametrize(
    ("timeout", "total", "spent", "left"),
    [(100, None, 10**9, 100), (100, 1_000, 0, 100), (100, 1_000, 950, 50), (100, 1_000, 2_000, 0), (100, 50, 0, 50)],
)
def test_an_attempt_may_take_what_is_left(timeout: int, total: int | None, spent: int, left: int) -> None:
    one = claim("wait", timeout=timeout)
    assert allowed(replace(one, spent=spent, work=replace(one.work, total_timeout=total))) == left


async def test_who_has_no_time_left_times_out_and_says_why(bench: Bench) -> None:
    found = await bench.outcome(3_600, spent=900, total_timeout=1_000)
    assert (found.state, found.reason) == (State.FAILED, Reason.TIMEOUT)
    assert found.failure
    assert found.failure.message == "the handler did not end within the 100ms that totalTimeout left to this attempt"


async def test_who_takes_longer_than_expected_is_told_while_it_executes(bench: Bench) -> None:
    found = await bench.outcome(3_600, expected=10, timeout=200)
    assert found.reason is Reason.TIMEOUT
    assert bench.slow.get_nowait().work.expected == 10
    assert bench.slow.empty()


async def test_who_does_not_is_not(bench: Bench) -> None:
    assert (await bench.outcome(0, expected=50)).state is State.SUCCESS
    await asyncio.wait_for(bench.outcome(0.1), 30)  # longer than the first was expected to take
    assert bench.slow.empty()
