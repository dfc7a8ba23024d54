"""A worker's statistics: for its card, for Prometheus, and its readiness for the kubelet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from prometheus_client.core import (
    CounterMetricFamily,
    Exemplar,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from kronstream.ports import Outcome, WorkerCard
from kronstream.worker.slate import ABANDONED, FAILED, PROCESSED, RUNNING, SUCCEEDED, UNSENT, Slate
from kronstream.worker.tally import Tally

BEAT_OLD = 5.0  # seconds without a heartbeat that arrived: not ready


class Counted(Protocol):
    """A loop process as its numbers are read."""

    slate: Slate
    tally: Tally


class Statistics:
    """What a worker did since it started, over all its loop processes."""

    def __init__(self, card: WorkerCard) -> None:
        self._card = card
        self._began = time.monotonic()
        self._before = [0, 0, 0]  # of loop processes that ended
        self._tallied = Tally(card.queues)
        self.process: Counted | None = None
        self.restarts = 0
        self.stalls = 0

    def card(self) -> WorkerCard:
        """The card with the present numbers."""
        now = self._now()
        return replace(
            self._card,
            processed=now[0],
            succeeded=now[1],
            failed=now[2],
            uptime_seconds=int(time.monotonic() - self._began),
        )

    def offer(self, functions: tuple[str, ...], incarnation: str) -> None:
        """A new loop process offers these functions."""
        self._card = replace(self._card, functions=functions, incarnation=incarnation)

    def withdraw(self) -> None:
        """The worker is about to end: it offers nothing, so that nobody hands runs to it."""
        self._card = replace(self._card, functions=())

    def ended(self) -> None:
        """The loop process ended: keep what it did. Before its slate is closed."""
        self._before = self._now()
        self._tallied = self.tally
        self.process = None

    def failed(self, outcomes: list[Outcome]) -> None:
        """Attempts that the supervisor ended."""
        self._before[0] += len(outcomes)
        self._before[2] += len(outcomes)

    @property
    def tally(self) -> Tally:
        """How attempts ended, of all loop processes."""
        both = Tally()
        both.add(self._tallied)
        if self.process is not None:
            both.add(self.process.tally)
        return both

    def level(self, number: int) -> int:
        """One of the slate's present numbers; 0 without a loop process."""
        process = self.process  # the probes' thread asks, too
        return 0 if process is None else process.slate[number]

    def _now(self) -> list[int]:
        numbers = (PROCESSED, SUCCEEDED, FAILED)
        return [before + self.level(number) for before, number in zip(self._before, numbers, strict=True)]


class Exposition(Collector):
    """The statistics as Prometheus metrics."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics

    def collect(self) -> Iterator[Metric]:
        """See Collector."""
        statistics = self._statistics
        card = statistics.card()
        for name, text, number in (
            ("messages_processed", "Attempts whose end was recorded", card.processed),
            ("messages_succeeded", "Attempts that succeeded", card.succeeded),
            ("messages_failed", "Attempts that failed", card.failed),
            ("loop_restarts", "Loop processes that ended and were started anew", statistics.restarts),
            ("loop_stalls", "Loop processes killed because their loop stood still", statistics.stalls),
        ):
            yield CounterMetricFamily(f"kronstream_worker_{name}", text, value=number)
        for name, text, value in (
            ("uptime_seconds", "Seconds since the worker started", card.uptime_seconds),
            ("concurrency", "Runs that may execute at a time", card.concurrency),
            ("running", "Runs that execute", statistics.level(RUNNING)),
            ("unsent", "Ends of attempts that the store has not accepted yet", statistics.level(UNSENT)),
            ("abandoned", "Handlers that go on in spite of their cancellation", statistics.level(ABANDONED)),
        ):
            yield GaugeMetricFamily(f"kronstream_worker_{name}", text, value=value)
        yield from _counted(statistics.tally)


def _counted(tally: Tally) -> Iterator[Metric]:
    ends = CounterMetricFamily(
        "kronstream_attempts_ended", "Attempts that this worker ended, by queue, how and why",
        labels=["queue", "outcome", "reason"],
    )  # fmt: skip
    for key, number in tally.ends.items():
        ends.add_metric(key, number)
    yield ends
    for name, text, labels, kind in (
        ("kronstream_attempt_duration_seconds", "From the begin of an attempt until its end",
         ["queue", "outcome"], tally.durations),
        ("kronstream_start_delay_seconds", "From an entry in the stream until a worker began its run",
         ["queue"], tally.delays),
    ):  # fmt: skip
        family = HistogramMetricFamily(name, text, labels=labels)
        for key, spread in kind.items():
            buckets = [_bucket(*bucket) for bucket in spread.cumulated()]
            family.add_metric(key, buckets, spread.total)
        yield family


def _bucket(
    bound: str, number: float, example: tuple[str, float] | None
) -> tuple[str, float] | tuple[str, float, Exemplar]:
    return (bound, number) if example is None else (bound, number, Exemplar({"trace_id": example[0]}, example[1]))


class Readiness:
    """Whether the worker takes runs, and in a line why not: a fault of the worker, the loop process or the store."""

    def __init__(self) -> None:
        self.worker = ""
        self.process = "the handlers are being loaded"
        self.store = "Redis has not answered yet"
        self.caveat = ""
        self._beat = float("-inf")

    def beat(self) -> None:
        """A heartbeat arrived."""
        self._beat = time.monotonic()

    def __call__(self) -> tuple[bool, str]:
        fault = self.worker or self.process or self.store
        if fault:
            return fault.startswith("disabled"), fault
        if time.monotonic() - self._beat > BEAT_OLD:
            return False, f"no heartbeat reached Redis in the last {BEAT_OLD:g} s"
        return True, f"ready; but {self.caveat}" if self.caveat else "ready"
