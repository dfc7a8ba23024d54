"""Whether and when a failed attempt is tried again, by a real worker on a real Redis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.conftest import redis_socket  # noqa: F401 - a fixture
from eventually import eventually
from integration.workerbench import Bench
from kronstream.domain.retry import Retry
from kronstream.domain.run import State

FALLING = Path(__file__).parent.parent / "falling_handlers.py"
SOON = Retry(limit=3, initial=1, jitter=0)
LATE = Retry(limit=1, initial=3_600_000, maximum=3_600_000)


@pytest.fixture
def bench(tmp_path: Path, redis_socket: Path) -> Iterator[Bench]:  # noqa: F811
    bench = Bench(tmp_path, redis_socket)
    yield bench
    bench.close()


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_what_handlers_decide_of_their_next_attempt(bench: Bench, kind: str) -> None:
    bench.worker(handlers=FALLING).ready()
    (permanent,) = bench.dispatch(f"{kind}:fall", ["permanent", None], retry=SOON)
    (soon,) = bench.dispatch(f"{kind}:fall", ["told", 0.02], retry=LATE)
    (late,) = bench.dispatch(f"{kind}:fall", ["raise", 3_600], retry=SOON)

    record = bench.over(permanent)
    assert (record.state, record.reason, record.attempt) == (State.FAILED, "permanent", 1)
    assert record.error is not None
    assert record.error["message"] == "the account is closed"
    record = bench.over(soon)  # its backoff would take an hour
    assert (record.state, record.reason, record.attempt) == (State.FAILED, "error", 2)
    eventually(lambda: bench.record(late).state is State.RETRYING)
    assert bench.record(late).attempt == 1
