"""What this replica sees of the store as a whole, as metrics: every replica tells the same, so ask for the maximum."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kronstream.controller.roster import Roster
from kronstream.domain.run import Lane, Reason, Skip, State
from kronstream.ports import Backlog, Counting, Counts, Ledger, Queues, WorkerCard

OLD = 30.0  # seconds after which what was seen is told no more: a number that stands still would look like calm
MOST_QUEUES = 200
NONE, OTHER = "none", "other"
_REASONS = frozenset(Reason)
_NOTHING = Counts({}, {}, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the store, at ``at`` (monotonic seconds); ``queues`` are those asked for, also without an entry."""

    counts: Counts = _NOTHING
    backlogs: Sequence[Backlog] = ()
    paused: frozenset[str] = frozenset()
    cards: Sequence[WorkerCard] = ()
    queues: Sequence[str] = ()
    at: float = field(default_factory=time.monotonic)


class StoreView(Collector):
    """Looks at the store when it is told to, and tells what it saw as long as that is new."""

    def __init__(
        self, roster: Roster, ledger: Ledger, queues: Queues, counting: Counting, registry: CollectorRegistry
    ) -> None:
        self._roster = roster
        self._ledger = ledger
        self._queues = queues
        self._counting = counting
        self._seen: Look | None = None
        registry.register(self)

    async def look(self) -> None:
        """One look. Raises what redis-py raises."""
        cards = await self._ledger.workers()
        paused = frozenset(await self._queues.paused())
        served = {name for card in cards for name in card.queues}
        names = sorted({"default", *paused, *served, *(job.queue for job in self._roster)})[:MOST_QUEUES]
        backlogs = await self._queues.backlogs(names)
        counts = await self._counting.counts()
        self._seen = Look(counts, backlogs, paused.intersection(names), cards, names)

    def describe(self) -> Iterator[Metric]:
        """See Collector: the families, without a look."""
        return families(Look())

    def collect(self) -> Iterator[Metric]:
        """See Collector."""
        seen = self._seen
        if seen is not None and time.monotonic() - seen.at < OLD:
            yield from families(seen)


def families(look: Look) -> Iterator[Metric]:
    """A look as metrics."""
    yield from _counted(look.counts)
    yield from _lanes(look)
    slots: Counter[str] = Counter()
    served: Counter[str] = Counter()
    for card in look.cards:
        slots.update(card.queues)
        served.update(card.queues.keys())
    names = sorted({*slots, *look.paused, *look.queues, *(backlog.queue for backlog in look.backlogs)})
    entries: Counter[str] = Counter()
    for backlog in look.backlogs:
        entries[backlog.queue] += backlog.entries
    yield _gauge("queue_entries", "Runs of a queue that wait or execute, of all lanes: what its workers are scaled by",
                 {(q,): entries[q] for q in names}, "queue")  # fmt: skip
    yield _gauge("queue_workers", "Live workers that take runs of a queue", {(q,): served[q] for q in names}, "queue")
    yield _gauge("queue_slots", "Runs of a queue that live workers may execute at a time, all together",
                 {(q,): slots[q] for q in names}, "queue")  # fmt: skip
    yield _gauge("queue_paused", "1 for a queue that somebody paused, else 0",
                 {(q,): q in look.paused for q in names}, "queue")  # fmt: skip
    yield _gauge("workers", "Live workers", {(): len(look.cards)})


def _counted(counts: Counts) -> Iterator[Metric]:
    ended: Counter[tuple[str, str]] = Counter({(state.value, NONE): 0 for state in State if state.terminal})
    for (state, why), number in counts.ended.items():
        ended[state, NONE if not why else why if why in _REASONS else OTHER] += number
    runs = CounterMetricFamily(
        "kronstream_runs_ended",
        "Runs that are over, of all jobs together, by how and why",
        labels=["outcome", "reason"],
    )
    for key, number in sorted(ended.items()):
        runs.add_metric(key, number)
    yield runs
    skipped = CounterMetricFamily(
        "kronstream_runs_skipped", "Due instants and requests that made no run, of all jobs together, by reason",
        labels=["reason"],
    )  # fmt: skip
    for reason in Skip:
        skipped.add_metric([reason.value], counts.skipped.get(reason.value, 0))
    yield skipped
    yield _gauge("runs_unfinished", "Runs that are not over: those that wait, execute, or are tried again later",
                 {(): counts.unfinished})  # fmt: skip
    yield _gauge("status_untold", "Jobs and event handlers whose status is out of date", {(): counts.untold})
    yield _gauge("dead_letters", "Dead letters that nobody has replayed or dropped yet: of runs, of events",
                 {("run",): counts.dead, ("event",): counts.dead_events}, "kind")  # fmt: skip


def _lanes(look: Look) -> Iterator[Metric]:
    lanes = {(one.queue, one.lane.value): one for one in look.backlogs}
    for queue in {*look.queues, *(one.queue for one in look.backlogs)}:
        for lane in Lane:  # a lane that never had an entry is empty, and says so
            lanes.setdefault((queue, lane.value), Backlog(queue, lane, 0, 0, None))
    waiting = {key: max(0, one.entries - one.taken) for key, one in lanes.items()}
    yield _gauge("queue_waiting", "Entries of a lane that no worker has taken", waiting, "queue", "lane")
    taken = {key: one.taken for key, one in lanes.items()}
    yield _gauge("queue_taken", "Entries of a lane that workers have taken and not ended", taken, "queue", "lane")
    ages = {key: (one.oldest or 0) / 1000 for key, one in lanes.items()}
    yield _gauge("queue_oldest_age_seconds", "For how long the oldest entry of a lane waits that no worker has taken",
                 ages, "queue", "lane")  # fmt: skip


def _gauge(name: str, text: str, values: Mapping[Any, float], *labels: str) -> Metric:
    family = GaugeMetricFamily(f"kronstream_{name}", text, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, float(value))
    return family
