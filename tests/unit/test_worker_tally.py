"""What a worker counts of its attempts, over its loop processes, as Prometheus reads it."""

import json

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest

from kronstream.domain.run import Reason, State
from kronstream.domain.trace import trace_id
from kronstream.ports import Failure, Outcome, WorkerCard
from kronstream.worker.exposition import Exposition, Statistics
from kronstream.worker.slate import Slate
from kronstream.worker.tally import Spread, Tally
from unit.fakequeue import claim


def success(run: str, duration: int) -> Outcome:
    return Outcome(run, "t", State.SUCCESS, duration)


def counted(*, traced: bool = False) -> Tally:
    """Two ends and a failure, taken after 40 ms."""
    tally = Tally({"default": 4}, traced=traced)
    for number, duration in enumerate((20, 90)):
        one = claim("echo", run=f"u-s{number}", waited=40)
        tally.began("default", one)
        tally.ended("default", one, success(one.run, duration))
    one = claim("echo", run="u-s9")
    tally.began("default", one)  # answered again: how long it waited is not known any more
    fall = Outcome(one.run, "t", State.FAILED, 4_000, Reason.TIMEOUT, failure=Failure("Timeout", "late"))
    tally.ended("default", one, fall)
    return tally


def test_values_fall_into_buckets_up_to_their_bound() -> None:
    spread = Spread((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        spread.observe(value)
    assert [(bound, number) for bound, number, _ in spread.cumulated()] == [("1.0", 2), ("2.0", 3), ("+Inf", 4)]
    assert spread.total == 12.0


def test_a_tally_travels_as_json_and_adds_up() -> None:
    tally = counted(traced=True)
    assert tally.changed
    there = Tally.load(json.loads(json.dumps(tally.dump())))
    assert not tally.changed
    assert there.ends == {("default", "success", "none"): 2, ("default", "failed", "timeout"): 1}
    assert there.durations == tally.durations
    both = Tally()
    both.add(there)
    both.add(there)
    assert both.ends["default", "success", "none"] == 4
    assert sum(both.delays["default",].counts) == 4
    assert there.durations == tally.durations  # what was added is as it was


class Loop:
    """A loop process as its numbers are read."""

    def __init__(self, tally: Tally) -> None:
        self.slate = Slate(1)
        self.tally = tally


def told(statistics: Statistics) -> str:
    registry = CollectorRegistry()
    registry.register(Exposition(statistics))
    return generate_latest(registry).decode()


def test_what_an_earlier_loop_process_counted_is_kept() -> None:
    statistics = Statistics(WorkerCard("w", "", {"default": 4}, ()))
    for _ in range(2):
        loop = Loop(counted())
        statistics.process = loop
        statistics.ended()
        loop.slate.close()
    text = told(statistics)
    assert 'kronstream_attempts_ended_total{outcome="success",queue="default",reason="none"} 4.0' in text
    assert 'kronstream_start_delay_seconds_bucket{le="0.05",queue="default"} 4.0' in text
    assert 'kronstream_attempt_duration_seconds_sum{outcome="failed",queue="default"} 8.0' in text


def test_lines_are_there_before_anything_happened() -> None:
    text = told(Statistics(WorkerCard("w", "", {"default": 4}, ())))
    assert 'kronstream_attempts_ended_total{outcome="success",queue="default",reason="none"} 0.0' in text
    assert 'kronstream_attempt_duration_seconds_count{outcome="failed",queue="default"} 0.0' in text


@pytest.mark.parametrize("traced", [True, False])
def test_a_bucket_names_the_trace_of_a_run_where_traces_are_told(traced: bool) -> None:
    statistics = Statistics(WorkerCard("w", "", {"default": 4}, ()))
    loop = Loop(counted(traced=traced))
    statistics.process = loop
    text = told(statistics)
    loop.slate.close()
    exemplar = f'}} 1.0 # {{trace_id="{trace_id("u-s9")}"}} 4.0'
    assert (exemplar in text) is traced
    assert ("# {" in text) is traced
