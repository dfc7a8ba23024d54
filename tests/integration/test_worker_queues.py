"""Queues, limits over several workers, slow runs and runs that end their workers, by real workers on a real Redis."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.conftest import redis_socket  # noqa: F401 - a fixture
from eventually import eventually
from integration.workerbench import GROUP, Bench
from kronstream.domain.limits import Gate
from kronstream.domain.retry import Retry
from kronstream.domain.run import Lane, State
from kronstream.streams.letters import RedisLetters
from kronstream.streams.queues import RedisQueues

GAUGE = Path(__file__).parent.parent / "gauge_handlers.py"
ONCE = Retry(limit=0)


@pytest.fixture
def bench(tmp_path: Path, redis_socket: Path) -> Iterator[Bench]:  # noqa: F811
    bench = Bench(tmp_path, redis_socket)
    yield bench
    bench.close()


def most_at_a_time(path: Path) -> dict[str, int]:
    """By key, how many executed at a time."""
    now: dict[str, int] = defaultdict(int)
    most: dict[str, int] = defaultdict(int)
    for line in sorted(path.read_text().splitlines(), key=lambda line: int(line.split()[2])):
        change, key, _ = line.split()
        now[key] += int(change)
        most[key] = max(most[key], now[key])
    return dict(most)


def test_a_worker_serves_several_queues_each_with_its_slots(bench: Bench, tmp_path: Path) -> None:
    worker = bench.worker("--queue", "reports=1", "--queue", "default=3", handlers=GAUGE).ready()
    runs = []
    for queue, count in (("default", 9), ("reports", 3)):
        payload = {"file": str(tmp_path / queue)}
        runs += bench.dispatch("gauge", payload, count, job={"queue": queue})
    assert {bench.over(run).state for run in runs} == {State.SUCCESS}
    assert most_at_a_time(tmp_path / "reports") == {"-": 1}
    assert most_at_a_time(tmp_path / "default") == {"-": 3}
    (card,) = bench.cards()
    assert dict(card.queues) == {"reports": 1, "default": 3}
    assert "queues reports=1, default=3" in worker.log


def test_a_confined_worker_executes_no_run_of_another_namespace_that_names_its_queue(
    bench: Bench, tmp_path: Path
) -> None:
    bench.worker("--serves", "team-a", handlers=GAUGE).ready()
    payload = {"file": str(tmp_path / "confined")}
    (theirs,) = bench.dispatch("gauge", payload, namespace="team-b", retry=Retry(limit=9))
    record = bench.over(theirs)
    assert (record.state, record.reason, record.attempt) == (State.FAILED, "permanent", 1)
    assert record.error is not None
    assert record.error["type"] == "NamespaceNotServed"
    assert "execute runs of team-a alone, not of team-b; write another spec.queue" in record.error["message"]
    (ours,) = bench.dispatch("gauge", payload, namespace="team-a", retry=ONCE)
    assert bench.over(ours).state is State.SUCCESS
    assert most_at_a_time(tmp_path / "confined") == {"-": 1}


def test_limits_hold_over_workers(bench: Bench, tmp_path: Path) -> None:
    for _ in range(2):
        bench.worker("--limits", "function:gauge=2", handlers=GAUGE).ready()
    runs = bench.dispatch("gauge", {"file": str(tmp_path / "function")}, 10)
    assert {bench.over(run).state for run in runs} == {State.SUCCESS}
    assert most_at_a_time(tmp_path / "function") == {"-": 2}


def test_keys_hold_over_workers_and_jobs(bench: Bench, tmp_path: Path) -> None:
    for _ in range(2):
        bench.worker(handlers=GAUGE).ready()
    runs = []
    for key in ("acme", "acme", "other"):
        payload = {"file": str(tmp_path / "keys"), "key": key}
        runs += bench.dispatch("gauge", payload, 4, job={"keys": (Gate(f"k/default/{key}", max=1),)})
    assert {bench.over(run).state for run in runs} == {State.SUCCESS}
    assert most_at_a_time(tmp_path / "keys") == {"acme": 1, "other": 1}


def test_critical_goes_before_what_waits_and_low_is_not_left_out(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "lanes"
    for lane, count in ((Lane.LOW, 2), (Lane.HIGH, 30), (Lane.CRITICAL, 2)):
        payload = {"file": str(path), "key": lane.value, "seconds": 0.01}
        runs = bench.dispatch("gauge", payload, count, job={"lane": lane})
    bench.worker("--concurrency", "1", handlers=GAUGE).ready()
    assert bench.over(runs[-1]).state is State.SUCCESS
    eventually(lambda: path.read_text().count("-1") == 34)
    began = [line.split()[1] for line in path.read_text().splitlines() if line.startswith("+1")]
    assert began[:2] == ["critical"] * 2
    assert began.index("low") < 12


def test_a_paused_queue_begins_nothing_until_it_is_resumed(bench: Bench, tmp_path: Path) -> None:
    bench.worker(handlers=GAUGE).ready()
    assert bench.ask(lambda client: RedisQueues(client, bench.keys, GROUP).pause("default", "ann", "maintenance"))
    runs = bench.dispatch("gauge", {"file": str(tmp_path / "paused")}, 3)
    (other,) = bench.dispatch("gauge", {"file": str(tmp_path / "other")}, job={"queue": "reports"})
    bench.worker("--queue", "reports", handlers=GAUGE).ready()
    assert bench.over(other).state is State.SUCCESS
    assert {bench.record(run).state for run in runs} == {State.QUEUED}
    assert bench.ask(lambda client: RedisQueues(client, bench.keys, GROUP).resume("default"))
    assert {bench.over(run).state for run in runs} == {State.SUCCESS}


def test_a_slow_run_is_marked_while_it_executes(bench: Bench, tmp_path: Path) -> None:
    bench.worker(handlers=GAUGE).ready()
    payload = {"file": str(tmp_path / "slow"), "seconds": 5}
    (run,) = bench.dispatch("gauge", payload, job={"expected": 100}, expected=100)
    eventually(lambda: bench.record(run).slow)
    assert bench.record(run).state is State.RUNNING


def test_a_run_that_ends_its_worker_again_and_again_is_a_dead_letter_and_those_beside_it_are_not(
    bench: Bench, tmp_path: Path
) -> None:
    worker = bench.worker(handlers=GAUGE).ready()
    innocent = bench.dispatch("gauge", {"file": str(tmp_path / "beside"), "seconds": 3}, 4, retry=ONCE)
    eventually(lambda: (tmp_path / "beside").exists() and (tmp_path / "beside").read_text().count("+1") == 4)
    (deadly,) = bench.dispatch("gauge:die", job={"deliveries": 2}, retry=Retry(limit=10, initial=1, jitter=0))
    record = bench.over(deadly)
    assert (record.state, record.reason, record.attempt) == (State.DEAD, "too_many_deliveries", 2)
    assert [one.reason for one in record.attempts] == ["crashed", "too_many_deliveries"]
    records = [bench.over(run) for run in innocent]
    assert {(record.state, record.attempt) for record in records} == {(State.SUCCESS, 1)}
    (letter,) = bench.ask(lambda client: RedisLetters(client, bench.keys).listed(10))
    assert (letter.run, letter.kind) == (deadly, "run")
    assert worker.get("/readyz")[0] == 200
