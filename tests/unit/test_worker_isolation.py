"""What sync handlers may do to their process: limits, what is put back, and which process is not used again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from eventually import eventually
from kronstream.domain.retry import Retry
from kronstream.domain.run import Reason, State
from kronstream.ports import Outcome
from kronstream.worker.discovery import load
from kronstream.worker.limits import Limits
from kronstream.worker.registry import Registry
from unit.executorbench import HOSTILE, Bench

pytestmark = pytest.mark.anyio

MIB = 1 << 20


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load([HOSTILE])


@pytest.fixture
async def bench(registry: Registry) -> AsyncIterator[Bench]:
    bench = Bench(registry)
    yield bench
    await bench.children.close()
    bench.slate.close()


async def result(bench: Bench, name: str, payload: Any = None, **fields: Any) -> Any:
    outcome = await bench.outcome(name, payload, **fields)
    assert outcome.state is State.SUCCESS, outcome
    return json.loads(outcome.result or "null")


def family() -> int:
    """Bytes that this process's children hold."""
    found = psutil.Process().children(recursive=True)
    total = 0
    for one in found:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended since
            total += one.memory_info().rss
    return total


@pytest.mark.parametrize("name", ["sync:hoard", "sync:hoard_at_once"])
async def test_more_memory_than_the_limit_fails_the_attempt_and_nobody_else(bench: Bench, name: str) -> None:
    assert await result(bench, "sync:echo", 1) == 1
    before = family()
    outcome = await bench.outcome(name, 4_000, limits={"memory": 64 * MIB})

    assert (outcome.state, outcome.reason) == (State.FAILED, Reason.CRASHED)
    assert outcome.failure is not None
    assert outcome.failure.type == "MemoryLimit"
    assert "memory limit of 64Mi; raise function.memory" in outcome.failure.message
    assert "hostile_handlers.py" in outcome.failure.traceback
    assert await result(bench, "sync:echo", 2) == 2
    eventually(lambda: family() < before + 32 * MIB)


async def test_less_memory_than_the_limit_is_fine_and_the_limit_ends_with_the_run(bench: Bench) -> None:
    assert await result(bench, "sync:hoard", 32, limits={"memory": 64 * MIB}) == 32
    assert await result(bench, "sync:hoard", 100) == 100


async def test_a_worker_has_limits_for_jobs_that_set_none(registry: Registry) -> None:
    bench = Bench(registry, limits=Limits(memory=32 * MIB, cpu_time=60_000))
    try:
        outcome = await bench.outcome("sync:hoard", 64)
        assert outcome.failure is not None
        assert "memory limit of 32Mi" in outcome.failure.message
        assert await result(bench, "sync:hoard", 64, limits={"memory": 256 * MIB}) == 64
    finally:
        await bench.children.close()
        bench.slate.close()


async def test_more_processor_time_than_the_limit_kills_and_tells_where(bench: Bench) -> None:
    outcome = await bench.outcome("sync:forever", limits={"cpu_time": 1_000})

    assert (outcome.state, outcome.reason) == (State.FAILED, Reason.CRASHED)
    assert outcome.failure is not None
    assert outcome.failure.type == "CpuLimit"
    assert "processor time of 1s" in outcome.failure.message
    assert 'hostile_handlers.py", line' in outcome.output
    assert " in forever" in outcome.output
    assert await result(bench, "sync:echo", 1) == 1


async def test_waiting_is_no_processor_time_and_the_count_begins_anew(bench: Bench) -> None:
    first = await result(bench, "sync:where", 1.3, limits={"cpu_time": 1_000})
    assert (await result(bench, "sync:where", limits={"cpu_time": 1_000}))[0] == first[0]


async def test_limits_have_codes_for_the_retry_policy(bench: Bench) -> None:
    for names, state in ((("memory_limit",), State.FAILED), (("timeout",), State.RETRYING)):
        retry = Retry(limit=2, not_on=names)
        outcome = await bench.outcome("sync:hoard", 500, retry=retry, limits={"memory": 32 * MIB})
        assert outcome.state is state
    retry = Retry(limit=2, only_on=("cpu_limit",))
    assert (await bench.outcome("sync:forever", retry=retry, limits={"cpu_time": 1_000})).state is State.RETRYING


async def test_limits_of_an_async_function_are_told_to_do_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert await result(bench, "async:echo", 1, limits={"memory": 32 * MIB}) == 1
    (line,) = [record.getMessage() for record in caplog.records]
    assert "the limits of ns/job do nothing: async:echo is an async function" in line


async def test_a_process_that_keeps_much_memory_is_not_used_again(bench: Bench) -> None:
    first = await result(bench, "sync:leak", 10)
    assert await result(bench, "sync:leak", 10) == first
    assert await result(bench, "sync:leak", 200) == first
    assert await result(bench, "sync:pid") != first
    pid = await result(bench, "sync:pid")
    assert await result(bench, "sync:hoard", 300) == 300  # given back: no reason to be tired
    assert await result(bench, "sync:pid") == pid


async def test_what_a_handler_changes_around_it_is_put_back(bench: Bench, tmp_path: Path) -> None:
    first = await result(bench, "sync:moves", str(tmp_path))
    assert await result(bench, "sync:where", 1.3) == [first, str(Path.cwd()), None, True, True]
    outcome = await bench.outcome("sync:raise")
    assert outcome.output.startswith("before the fall\n")


async def test_a_process_whose_folder_is_gone_goes_back(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    first = await result(bench, "sync:moves", str(folder))
    folder.rmdir()
    assert (await result(bench, "sync:where"))[:2] == [first, str(Path.cwd())]


async def test_a_process_whose_output_is_closed_is_not_used_again(bench: Bench) -> None:
    first = await result(bench, "sync:close_output")
    assert await result(bench, "sync:pid") != first
    assert (await bench.outcome("sync:raise")).output.startswith("before the fall\n")


@pytest.mark.parametrize("name", ["sync:fork", "sync:fork_and_stay"])
async def test_a_fork_answers_nobody_and_stays_with_its_run(bench: Bench, name: str) -> None:
    first = await result(bench, name)
    for number in range(5):
        assert await result(bench, "sync:echo", number) == number
    outcome = await bench.outcome("sync:flood", 1)
    assert "fork" not in outcome.output
    assert await result(bench, "sync:pid") != first
    eventually(lambda: not psutil.pid_exists(first))


@pytest.mark.parametrize(
    ("name", "payload", "reason", "says"),
    [
        ("sync:raise_unprintable", None, Reason.ERROR, "<its __str__ raised"),
        ("sync:raise_large", None, Reason.ERROR, "yyyy"),
        ("sync:raise_unpicklable", None, Reason.ERROR, "lock"),
        ("sync:raise_surrogate", None, Reason.ERROR, "half a character: ?, none: \x00"),
        ("sync:result", "nan", Reason.RESULT, "nan, which JSON cannot say"),
        ("sync:result", "large", Reason.RESULT, "more than 64 KiB"),
        ("sync:result", "deep", Reason.RESULT, "more than 32 levels"),
    ],
)
async def test_errors_and_results_that_cannot_be_told(
    bench: Bench, name: str, payload: Any, reason: Reason, says: str
) -> None:
    outcome = await bench.outcome(name, payload)
    assert (outcome.state, outcome.reason) == (State.FAILED, reason)
    assert outcome.failure is not None
    assert says in outcome.failure.message
    assert len(outcome.failure.message.encode()) <= 2_048
    assert await result(bench, "sync:echo", 1) == 1


async def test_a_hundred_megabytes_of_output_leave_no_trace(bench: Bench) -> None:
    await result(bench, "sync:echo")
    process = psutil.Process()
    before = process.memory_info().rss
    outcome = await bench.outcome("sync:flood", 1_000_000)
    assert outcome.state is State.SUCCESS
    assert len(outcome.output.encode()) <= 16_384
    assert outcome.output.endswith("the end of the flood\n")
    assert process.memory_info().rss < before + 16 * MIB


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize(
    "payload",
    [
        "x" * 65_534,
        {"__class__": "a", "self": 1, "run": 2, "__dict__": {}},
        {"": None, "😀": "\x00"},
        [[[]] * 9] * 9,
    ],
    ids=["large", "keys", "odd", "lists"],
)
async def test_odd_payloads_arrive_as_they_are(bench: Bench, kind: str, payload: Any) -> None:
    outcome: Outcome = await bench.outcome(f"{kind}:echo", payload)
    assert json.loads(outcome.result or "null") == payload


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_payload_that_does_not_fit_fails_at_once(bench: Bench, kind: str) -> None:
    assert await result(bench, f"{kind}:typed", {"days": "3"}) == [3, False]
    outcome = await bench.outcome(f"{kind}:typed", {"day": 3}, retry=Retry(limit=5))
    assert (outcome.state, outcome.reason, outcome.retry_in) == (State.FAILED, Reason.PERMANENT, None)
    assert outcome.failure is not None
    assert outcome.failure.type == "InvalidPayload"
    assert outcome.failure.message == (
        f"the payload does not fit {kind}:typed: payload.day is not known, known are days, dry_run; "
        "payload.days is missing, wanted is int"
    )


async def test_all_of_it_at_once(bench: Bench, tmp_path: Path) -> None:
    bad = [
        ("sync:exit", 1), ("sync:fork_and_stay", None), ("sync:moves", str(tmp_path)), ("sync:closes", None),
        ("sync:raise_large", None), ("sync:result", "deep"), ("sync:thread", None),
    ]  # fmt: skip
    good = [("sync:echo", number) for number in range(12)]
    outcomes = await asyncio.gather(*(bench.outcome(name, payload) for name, payload in [*bad, *good]))
    assert [json.loads(one.result or "null") for one in outcomes[len(bad) :]] == list(range(12))
    assert all(one.state in (State.SUCCESS, State.FAILED) for one in outcomes)
