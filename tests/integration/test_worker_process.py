"""The worker as a process on a real Redis: what handlers do to it, and what it does when it is told to stop."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from contract.conftest import redis_socket  # noqa: F401 - a fixture
from eventually import eventually
from integration.workerbench import Bench, Worker
from kronstream.domain.retry import Retry
from kronstream.domain.run import State

ONCE = Retry(limit=0)
SOON = Retry(limit=3, initial=1, jitter=0)


@pytest.fixture
def bench(tmp_path: Path, redis_socket: Path) -> Iterator[Bench]:  # noqa: F811
    bench = Bench(tmp_path, redis_socket)
    yield bench
    bench.close()


def begun(path: Path) -> Path:
    """The file that `async:until` touches when it begins."""
    return path.with_name(path.name + ".begun")


def test_runs_execute_and_statistics_tell(bench: Bench) -> None:
    worker = bench.worker().ready()
    good = bench.dispatch("async:echo", {"a": 1}, count=20)
    child = bench.dispatch("sync:echo", [1, 2])
    (bad,) = bench.dispatch("async:raise", retry=ONCE)
    assert [bench.over(run).result for run in good] == [{"a": 1}] * 20
    record = bench.over(child[0])
    assert (record.state, record.result, record.worker, record.attempt) == (State.SUCCESS, [1, 2], worker.name, 1)
    record = bench.over(bad)
    assert (record.state, record.reason) == (State.FAILED, "error")
    assert record.error is not None
    assert (record.error["type"], record.error["message"]) == ("ValueError", "on purpose")
    assert record.output == "before the fall\nWARNING hostile: and logged\n"

    card = eventually(lambda: next((card for card in bench.cards() if card.processed == 22), None))
    assert card is not None
    assert (card.consumer, card.succeeded, card.failed, card.queues) == (worker.name, 21, 1, {"default": 10})
    assert {"async:echo", "echo", "fail"} <= set(card.functions)
    _, metrics = worker.get("/metrics")
    for line in ("processed_total 22.0", "succeeded_total 21.0", "failed_total 1.0"):
        assert f"kronstream_worker_messages_{line}\n" in metrics
    assert "kronstream_worker_uptime_seconds " in metrics
    assert bench.pending() == 0

    command = [sys.executable, "-m", "kronstream.cli.main", "workers", "--redis-url", bench.url]
    table = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    assert table.startswith("CONSUMER")
    assert worker.name in table
    (told,) = json.loads(subprocess.run([*command, "-o", "json"], capture_output=True, check=True, timeout=30).stdout)
    assert (told["messages_processed"], told["messages_failed"]) == (22, 1)
    assert told["uptime_seconds"] >= 0


def test_a_failed_attempt_is_tried_again_and_then_over(bench: Bench) -> None:
    bench.worker().ready()
    (run,) = bench.dispatch("sync:exit", 3, retry=Retry(limit=1, initial=1, jitter=0))
    record = bench.over(run)
    assert (record.state, record.reason, record.attempt) == (State.FAILED, "crashed", 2)
    assert record.output == "last words\n"


@pytest.mark.parametrize("limit", ["queue:default=1", "function:sleep=1"])
def test_workers_hold_to_the_limits_they_were_given(bench: Bench, limit: str) -> None:
    for worker in [bench.worker("--limits", limit) for _ in range(2)]:
        worker.ready()
    runs = [bench.over(run) for run in bench.dispatch("sleep", {"seconds": 0.1}, count=6)]
    spans = sorted((run.started or 0, run.finished or 0) for run in runs)
    assert all(first[1] <= second[0] for first, second in pairwise(spans)), spans


def test_each_of_many_queues_is_waited_for(bench: Bench) -> None:
    """A wait that has no connection would begin when another one's block ends, seconds later."""
    queues = [f"queue-{number}" for number in range(6)]
    bench.worker("--queue", ",".join(queues)).ready()
    replies = 1
    eventually(lambda: bench.redis.info("clients")["blocked_clients"] == len(queues) + replies)


@pytest.mark.parametrize("name", ["async:block", "async:block_gil", "async:task_block"])
def test_a_handler_that_blocks_the_loop_is_a_timeout_and_costs_the_others_nothing(
    bench: Bench, tmp_path: Path, name: str
) -> None:
    worker = bench.worker().ready()
    gate = tmp_path / "gate"
    (other,) = bench.dispatch("async:until", str(gate), timeout=600_000)
    eventually(begun(gate).exists)
    loop = worker.loop.pid
    (run,) = bench.dispatch(name, timeout=1_000, retry=ONCE)
    record = bench.over(run, within=40)
    assert (record.state, record.reason, record.attempt) == (State.FAILED, "timeout", 1)
    assert record.error is not None
    assert "blocked the worker's loop" in record.error["message"]
    assert eventually(lambda: worker.loop.pid != loop)
    gate.touch()
    record = bench.over(other)
    assert (record.state, record.attempt) == (State.SUCCESS, 1)
    assert "kronstream_worker_loop_stalls_total 1.0" in worker.get("/metrics")[1]


def test_os_exit_in_the_loop_fails_that_attempt_alone(bench: Bench, tmp_path: Path) -> None:
    worker = bench.worker().ready()
    gate = tmp_path / "gate"
    (other,) = bench.dispatch("async:until", str(gate))
    eventually(begun(gate).exists)
    (run,) = bench.dispatch("async:exit", retry=ONCE)
    record = bench.over(run)
    assert (record.state, record.reason) == (State.FAILED, "crashed")
    assert record.error is not None
    assert "exited with code 9 while the handler executed" in record.error["message"]
    gate.touch()
    record = bench.over(other)
    assert (record.state, record.attempt) == (State.SUCCESS, 1)
    eventually(lambda: any(card.failed == 1 and card.succeeded == 1 for card in bench.cards()))
    assert worker.process.poll() is None


@pytest.mark.parametrize("name", ["async:stop_loop", "async:callback_exit"])
def test_what_ends_the_loop_from_a_callback_is_found_out_the_second_time(bench: Bench, name: str) -> None:
    """Nobody executes then: the first time all go back, the second time they are suspects."""
    worker = bench.worker().ready()
    bench.dispatch("async:stubborn", timeout=600_000)
    (run,) = bench.dispatch(name, retry=ONCE)
    record = bench.over(run)
    assert (record.state, record.reason) == (State.FAILED, "worker_lost")
    (echo,) = bench.dispatch("async:echo", retry=ONCE)
    assert bench.over(echo).state is State.SUCCESS
    assert worker.process.poll() is None


def test_a_killed_loop_process_is_replaced_and_its_only_run_tried_again(bench: Bench, tmp_path: Path) -> None:
    worker = bench.worker().ready()
    gate = tmp_path / "gate"
    (run,) = bench.dispatch("async:until", str(gate), retry=SOON)
    eventually(begun(gate).exists)
    begun(gate).unlink()
    worker.loop.kill()
    eventually(begun(gate).exists, within=30)
    gate.touch()
    record = bench.over(run)
    assert (record.state, record.attempt) == (State.SUCCESS, 2)


def test_a_killed_supervisor_takes_everything_with_it(bench: Bench, tmp_path: Path) -> None:
    worker = bench.worker().ready()
    mark = tmp_path / "pid"
    (run,) = bench.dispatch("sync:forever", str(mark), retry=SOON, timeout=600_000)
    eventually(lambda: mark.exists() and mark.read_text())
    family = worker.family()
    assert len(family) == 3  # loop process, nursery, child
    worker.process.kill()
    eventually(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in family))
    assert bench.record(run).state is State.RUNNING


def test_sigterm_lets_runs_end_and_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    worker = bench.worker("--concurrency", "1").ready()
    gate = tmp_path / "gate"
    (run,) = bench.dispatch("async:until", str(gate))
    eventually(begun(gate).exists)
    (later,) = bench.dispatch("async:echo")
    family = worker.family()
    worker.process.send_signal(signal.SIGTERM)
    eventually(lambda: worker.get("/readyz") == (503, "stopping\n"))
    gate.touch()
    assert worker.process.wait(20) == 0
    assert bench.record(run).state is State.SUCCESS
    assert bench.record(later).state is State.QUEUED
    assert bench.cards() == []
    assert bench.pending() == 0
    eventually(lambda: not any(child.is_running() for child in family))
    assert "ERROR" not in worker.log


def test_a_replica_that_is_taken_away_cuts_nothing_and_takes_nothing_more(bench: Bench, tmp_path: Path) -> None:
    """Two replicas, each full, and more that waits; one gets SIGTERM, as when an autoscaler wants fewer."""
    gate, open_gate = tmp_path / "gate", tmp_path / "open"
    open_gate.touch()
    leaving = bench.worker("--concurrency", "2", "--grace", "60s").ready()
    held = bench.dispatch("async:until", str(gate), count=2, timeout=600_000)
    eventually(lambda: {bench.record(run).worker for run in held} == {leaving.name})
    waiting = bench.dispatch("async:until", str(open_gate), count=6, timeout=600_000)

    leaving.process.send_signal(signal.SIGTERM)
    eventually(lambda: leaving.get("/readyz") == (503, "stopping\n"))
    staying = bench.worker("--concurrency", "2").ready()
    later = [bench.over(run) for run in waiting]
    assert {(record.state, record.worker, record.attempt) for record in later} == {(State.SUCCESS, staying.name, 1)}
    assert {bench.record(run).state for run in held} == {State.RUNNING}  # others came and went meanwhile

    gate.touch()
    assert leaving.process.wait(20) == 0
    ended = [bench.over(run) for run in held]
    assert {(record.state, record.worker, record.attempt) for record in ended} == {(State.SUCCESS, leaving.name, 1)}


def test_after_the_grace_runs_are_handed_back_with_no_attempt_consumed(bench: Bench, tmp_path: Path) -> None:
    worker = bench.worker("--grace", "200ms").ready()
    mark = tmp_path / "pid"
    (child,) = bench.dispatch("sync:forever", str(mark), timeout=600_000)
    (stubborn,) = bench.dispatch("async:stubborn", timeout=600_000)
    eventually(lambda: mark.exists() and bench.record(stubborn).state is State.RUNNING)
    assert worker.stop(within=25) == 0
    for run in (child, stubborn):
        record = bench.record(run)
        assert (record.state, record.attempt) == (State.QUEUED, 0)
    assert bench.pending() == 0


def test_a_second_signal_ends_it_at_once_and_hands_back(bench: Bench, tmp_path: Path) -> None:
    worker = bench.worker().ready()
    gate = tmp_path / "gate"
    (run,) = bench.dispatch("async:until", str(gate))
    eventually(begun(gate).exists)
    worker.process.send_signal(signal.SIGINT)
    eventually(lambda: worker.get("/readyz") == (503, "stopping\n"))
    assert worker.stop(signal.SIGINT, within=10) == 0
    assert (bench.record(run).state, bench.record(run).attempt) == (State.QUEUED, 0)


def test_a_run_goes_to_the_worker_that_offers_its_function(bench: Bench, tmp_path: Path) -> None:
    special = tmp_path / "special.py"
    special.write_text("from kronstream.handlers import handler\n@handler('special')\nasync def f(): return 'here'\n")
    one = bench.worker(handlers=special)
    bench.worker().ready()
    one.ready()
    eventually(lambda: len(bench.cards()) == 2)
    runs = bench.dispatch("special", count=30, retry=ONCE)
    for run in runs:
        record = bench.over(run)
        assert (record.state, record.worker, record.attempt) == (State.SUCCESS, one.name, 1)


def test_a_function_nobody_offers(bench: Bench) -> None:
    bench.worker().ready()
    (run,) = bench.dispatch("no:such", retry=ONCE)
    record = bench.over(run)
    assert (record.state, record.reason) == (State.FAILED, "unknown_handler")
    assert record.error is not None
    assert "offers 'no:such'; known are: async:anyio, " in record.error["message"]


def test_a_frozen_worker_loses_its_run_and_is_fenced_off(bench: Bench, tmp_path: Path) -> None:
    """Thawed, it neither records its end nor keeps the run of the worker that took over."""
    frozen = bench.worker().ready()
    gate = tmp_path / "gate"
    (run,) = bench.dispatch("async:until", str(gate), retry=SOON, timeout=600_000)
    eventually(begun(gate).exists)
    begun(gate).unlink()
    family = [psutil.Process(frozen.process.pid), *frozen.family()]
    for process in family:
        process.suspend()
    other = bench.worker().ready()
    eventually(begun(gate).exists, within=30)
    for process in family:
        process.resume()
    frozen.ready()
    gate.touch()
    record = bench.over(run)
    assert (record.state, record.attempt, record.worker) == (State.SUCCESS, 2, other.name)
    eventually(lambda: "kronstream_worker_running 0.0" in frozen.get("/metrics")[1])
    assert bench.record(run) == record


def test_a_store_that_evicts_is_not_used_until_it_is_right(bench: Bench) -> None:
    bench.redis.config_set("maxmemory-policy", "allkeys-lru")
    worker = bench.worker()
    (run,) = bench.dispatch("async:echo")
    eventually(lambda: "maxmemory-policy noeviction" in worker.get("/readyz")[1])
    assert worker.get("/readyz")[0] == 503
    assert worker.get("/healthz")[0] == 200
    assert bench.record(run).state is State.QUEUED
    bench.redis.config_set("maxmemory-policy", "noeviction")
    assert bench.over(run).state is State.SUCCESS
    worker.ready()
    assert worker.log.count("no runs are taken") == 1


def test_without_redis_it_is_not_ready_and_goes_on_when_redis_comes(bench: Bench, tmp_path: Path) -> None:
    away = tmp_path / "away.sock"
    worker = Worker(tmp_path, f"unix://{away}")
    bench.workers.append(worker)
    eventually(lambda: "cannot send a heartbeat" in worker.log)
    assert worker.get("/readyz")[0] == 503
    away.symlink_to(bench.url.removeprefix("unix://"))
    worker.ready()
    (run,) = bench.dispatch("async:echo")
    assert bench.over(run).state is State.SUCCESS
    assert "Traceback" not in worker.log


def test_cut_connections_lose_and_double_nothing(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    runs = [run for _ in range(20) for run in bench.dispatch("async:mark", str(mark), count=100, retry=ONCE)]
    worker = bench.worker().ready()
    for _ in range(20):
        bench.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        time.sleep(0.05)  # not to wait for anything: it is the rate of the cuts
    eventually(lambda: bench.redis.xlen(bench.keys.base) == 0, within=60)
    records = [bench.over(run) for run in runs[::10]]
    assert {(record.state, record.attempt) for record in records} == {(State.SUCCESS, 1)}
    assert sorted(mark.read_text().split()) == sorted(runs)
    assert bench.pending() == 0
    eventually(lambda: "kronstream_worker_messages_succeeded_total 2000.0" in worker.get("/metrics")[1])


def test_disabled_it_is_ready_and_idle(bench: Bench) -> None:
    worker = bench.worker("--disabled").ready()
    (run,) = bench.dispatch("async:echo")
    assert worker.get("/readyz")[1].startswith("disabled")
    assert bench.cards() == []
    assert bench.record(run).state is State.QUEUED
    assert worker.stop() == 0


def test_broken_handlers_are_refused_with_file_and_line(bench: Bench, tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("x = 1\nundefined_name\n")
    worker = bench.worker(handlers=broken)
    assert worker.process.wait(30) == 2
    assert f"{broken}, line 2: NameError" in worker.log
    assert "Traceback" not in worker.log


def test_a_taken_port_is_told_without_a_traceback(bench: Bench) -> None:
    first = bench.worker().ready()
    second = bench.worker("--metrics-port", str(first.port))
    assert second.process.wait(30) == 2
    assert "ddress already in use" in second.log
    assert "Traceback" not in second.log


def test_handlers_do_not_see_how_to_get_into_redis(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = ("KRONSTREAM_REDIS_PASSWORD", "KRONSTREAM_REDIS_SENTINEL_PASSWORD")
    for name in secrets:
        monkeypatch.setenv(name, "unused, for the address names no user")
    bench.worker().ready()
    (run,) = bench.dispatch("sync:environment")
    names = bench.over(run).result
    assert "PATH" in names
    assert not {"KRONSTREAM_REDIS_URL", *secrets} & set(names)


def test_a_worker_started_anew_under_its_name_takes_up_what_was_pending(bench: Bench) -> None:
    """Entries that were read but not started (a consumer that died between) are not lost."""
    first = bench.worker("--consumer-name", "same").ready()
    (run,) = bench.dispatch("async:echo")
    bench.over(run)
    first.kill()
    bench.worker("--consumer-name", "same").ready()
    (run,) = bench.dispatch("async:echo")
    assert bench.over(run).worker == "same"
