"""A worker on a real Redis: what its functions know of their runs, tell of them, and may take."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from contract.conftest import redis_socket  # noqa: F401 - a fixture
from eventually import eventually, gone
from integration.workerbench import Bench
from kronstream.domain.retry import Retry
from kronstream.domain.run import State

ONCE = Retry(limit=0)
MIB = 1 << 20


@pytest.fixture
def bench(tmp_path: Path, redis_socket: Path) -> Iterator[Bench]:  # noqa: F811
    bench = Bench(tmp_path, redis_socket)
    yield bench
    bench.close()


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_run_gets_the_result_of_the_last_success(bench: Bench, kind: str) -> None:
    bench.worker("--concurrency", "1").ready()
    # one begins when the end of the one before is recorded
    one_by_one = {"policy": "Queue", "max_concurrent": 1}
    first, second, third = bench.dispatch(f"{kind}:last", count=3, job=one_by_one, retry=ONCE)
    # the first one has no run before it, and fails for it
    assert bench.over(first).state is State.FAILED
    before, _, last = bench.over(second).result
    assert last is None
    assert before is not None
    assert bench.over(third).result[2] == [bench.over(third).result[0], second, bench.over(second).result]


def test_progress_is_in_the_record_while_the_handler_runs(bench: Bench, tmp_path: Path) -> None:
    bench.worker().ready()
    (run,) = bench.dispatch("sync:progress_waits", str(tmp_path / "go"), retry=ONCE)
    eventually(lambda: bench.record(run).progress == {"done": 0.2, "text": "second"}, within=10)
    assert bench.record(run).state is State.RUNNING
    (tmp_path / "go").touch()
    assert bench.over(run).progress == {"done": 0.2, "text": "second"}
    for kind in ("sync", "async"):
        (run,) = bench.dispatch(f"{kind}:progress", 20_000, retry=ONCE)
        assert bench.over(run).progress == {"done": 1.0, "text": "over", "data": {"steps": 20_000}}


def test_limits_of_job_and_worker_fail_one_run_and_give_the_memory_back(bench: Bench) -> None:
    worker = bench.worker(KRONSTREAM_CHILD_MEMORY="64Mi", KRONSTREAM_CHILD_CPU_TIME="1s").ready()
    assert bench.over(bench.dispatch("sync:hoard", 32)[0]).result == 32

    def largest() -> int:
        return max(one.memory_info().rss for one in worker.family())

    before = largest()
    runs = [
        *bench.dispatch("sync:hoard", 2_000, count=3, retry=ONCE),
        *bench.dispatch("sync:hoard_at_once", 2_000, retry=ONCE, limits={"memory": 128 * MIB, "cpu_time": 5_000}),
    ]
    endless = bench.dispatch("sync:forever", retry=ONCE)
    good = bench.dispatch("sync:echo", 1, count=20)

    for run, limit in zip(runs, ("64Mi", "64Mi", "64Mi", "128Mi"), strict=True):
        record = bench.over(run)
        assert (record.state, record.reason, (record.error or {})["type"]) == (State.FAILED, "crashed", "MemoryLimit")
        assert f"memory limit of {limit}" in (record.error or {})["message"]
    record = bench.over(endless[0])
    assert (record.reason, (record.error or {})["type"]) == ("crashed", "CpuLimit")
    assert {bench.over(run).state for run in good} == {State.SUCCESS}
    eventually(lambda: largest() < before + 32 * MIB)
    assert worker.loop.is_running()


def test_a_fork_of_the_loop_process_does_nothing_there(bench: Bench) -> None:
    worker = bench.worker().ready()
    nursery = {one.pid for one in worker.loop.children()}
    runs = bench.dispatch("async:fork", count=5, retry=ONCE)
    assert {bench.over(run).result for run in runs} == {worker.loop.pid}
    good = bench.dispatch("async:echo", 1, count=50) + bench.dispatch("sync:echo", 1, count=10)
    assert {bench.over(run).result for run in good} == {1}

    def forks() -> list[int]:
        with contextlib.suppress(psutil.NoSuchProcess):
            mine = [one for one in worker.loop.children() if one.name() == worker.loop.name()]
            return [one.pid for one in mine if one.pid not in nursery and not gone(one.pid)]
        return [worker.loop.pid]

    eventually(lambda: not forks())
    assert "Traceback" not in worker.log


def test_hostile_functions_leave_the_worker_as_it_was(bench: Bench, tmp_path: Path) -> None:
    worker = bench.worker(KRONSTREAM_CHILD_MEMORY="64Mi").ready()
    assert bench.over(bench.dispatch("sync:echo", 1)[0]).result == 1
    loop, before = worker.loop, worker.loop.memory_info().rss
    bad = {
        "sync:exit": 3, "sync:segfault": None, "sync:killed": None, "sync:closes": None, "sync:fork": None,
        "sync:fork_and_stay": None, "sync:moves": str(tmp_path), "sync:close_output": None, "sync:flood": 1_000_000,
        "sync:result": "large", "sync:raise_large": None, "sync:raise_unprintable": None, "sync:raise_surrogate": None,
        "sync:raise_unpicklable": None, "sync:typed": {"__class__": 1}, "async:typed": {"days": [[[[]]]]},
        "async:result": "deep", "sync:hoard_at_once": 10_000,
    }  # fmt: skip
    runs = {name: bench.dispatch(name, payload, retry=ONCE)[0] for name, payload in bad.items()}
    good = bench.dispatch("sync:where", count=20) + bench.dispatch("async:echo", 1, count=20)

    fine = {"sync:fork", "sync:fork_and_stay", "sync:moves", "sync:close_output", "sync:flood"}
    for name, run in runs.items():
        record = bench.over(run)
        assert record.state is (State.SUCCESS if name in fine else State.FAILED), name
        assert name in fine or (record.error or {})["message"], name
    records = [bench.over(run) for run in good]
    assert {record.state for record in records} == {State.SUCCESS}
    assert all(record.result[1:] == [str(Path.cwd()), None, True, True] for record in records[:20])
    assert worker.loop == loop
    eventually(lambda: worker.loop.memory_info().rss < before + 32 * MIB)
    assert bench.pending() == 0
    assert os.fspath(tmp_path) not in worker.log
