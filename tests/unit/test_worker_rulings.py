"""What a handler says of its next attempt: that there is none, or when."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kronstream.domain.retry import Retry
from kronstream.domain.run import Reason, State
from kronstream.worker.discovery import load
from unit.test_worker_executor import Bench

FALLING = str(Path(__file__).parent.parent / "falling_handlers.py")

pytestmark = pytest.mark.anyio


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench(load([FALLING]), FALLING)
    yield bench
    await bench.children.close()
    bench.slate.close()


KINDS = pytest.mark.parametrize("kind", ["async", "sync"])


@KINDS
async def test_a_permanent_error_is_not_tried_again(bench: Bench, kind: str) -> None:
    for how, name, message in (
        ("permanent", "kronstream.worker.rulings.Permanent", "the account is closed"),
        ("permanent kind", "NoSuchCustomer", "no 7"),
    ):
        outcome = await bench.outcome(f"{kind}:fall", [how, "no 7"], retry=Retry(limit=9))
        assert (outcome.state, outcome.reason, outcome.retry_in) == (State.FAILED, Reason.PERMANENT, None)
        assert outcome.failure is not None
        assert outcome.failure.type.endswith(name)
        assert outcome.failure.message == message


@KINDS
@pytest.mark.parametrize(
    ("how", "given", "wait"),
    [
        ("raise", 30, 30_000),
        ("told", 0.25, 250),
        ("raise", 1e9, 86_400_000),
        ("told", 0, 0),
        ("told", -1, 1_000),  # refused with a ValueError: the backoff stays
        ("raise", "soon", 1_000),
        ("raise", True, 1_000),
        ("spoilt", "soon", 1_000),
        ("spoilt", -5, 1_000),
        ("written", {"a": 1}, 1_000),
    ],
)
async def test_a_handler_says_when_it_is_tried_again(bench: Bench, kind: str, how: str, given: Any, wait: int) -> None:
    retry = Retry(limit=1, initial=1_000, jitter=0)
    outcome = await bench.outcome(f"{kind}:fall", [how, given], retry=retry)
    assert (outcome.state, outcome.reason, outcome.retry_in) == (State.RETRYING, Reason.ERROR, wait)
    last = await bench.outcome(f"{kind}:fall", [how, given], retry=retry, attempt=2)
    assert (last.state, last.retry_in) == (State.FAILED, None)
