"""What every operator sees of the store alike, as metrics."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from builders import adoption, card, dispatch, now, success
from kronstream.controller import storeview
from kronstream.controller.measures import Measures
from kronstream.controller.roster import Roster
from kronstream.controller.storeview import Look, StoreView, families
from kronstream.domain.trace import trace_id
from kronstream.ports import Counts
from kronstream.testing import (
    FixedClock,
    MemoryCounting,
    MemoryLedger,
    MemoryQueues,
    MemoryRunQueue,
    MemoryStore,
)

pytestmark = pytest.mark.anyio

EPOCH = "e"


class Stage:
    """A store with two runs that wait and one that ended, and a view of it."""

    def __init__(self) -> None:
        self.clock = FixedClock(now())
        store = MemoryStore(self.clock, EPOCH)
        self.ledger, self.queues, self.queue = MemoryLedger(store), MemoryQueues(store), MemoryRunQueue(store)
        self.registry = CollectorRegistry()
        self.view = StoreView(Roster(), self.ledger, self.queues, MemoryCounting(store), self.registry)

    async def fill(self) -> None:
        cursor = self.clock.now - 10_000
        await self.ledger.adopt([adoption(cursor=cursor)])
        await self.ledger.dispatch(EPOCH, [dispatch(cursor, cursor + 1_000, cursor + 2_000, cursor + 3_000)])
        await self.queue.beat(card(), [])
        (first,) = await self.queue.take(card(), "default", 1)
        await self.queue.finish(card(), [success(first)])
        await self.queues.pause("reports", "ann", "")
        self.clock.advance(5_000)

    def text(self) -> str:
        return generate_latest(self.registry).decode()


async def test_a_look_tells_queues_workers_and_totals() -> None:
    stage = Stage()
    await stage.fill()
    assert "kronstream" not in stage.text()
    await stage.view.look()
    lines = stage.text().splitlines()
    for line in (
        'kronstream_queue_waiting{lane="medium",queue="default"} 2.0',
        'kronstream_queue_waiting{lane="low",queue="default"} 0.0',
        'kronstream_queue_taken{lane="medium",queue="default"} 0.0',
        'kronstream_queue_oldest_age_seconds{lane="medium",queue="default"} 5.0',
        'kronstream_queue_entries{queue="default"} 2.0',
        'kronstream_queue_entries{queue="reports"} 0.0',
        'kronstream_queue_workers{queue="default"} 1.0',
        'kronstream_queue_slots{queue="default"} 10.0',
        'kronstream_queue_paused{queue="reports"} 1.0',
        'kronstream_queue_paused{queue="default"} 0.0',
        "kronstream_workers 1.0",
        "kronstream_runs_unfinished 2.0",
        'kronstream_runs_ended_total{outcome="success",reason="none"} 1.0',
        'kronstream_runs_ended_total{outcome="dead",reason="none"} 0.0',
        'kronstream_runs_skipped_total{reason="Backlog"} 0.0',
        'kronstream_dead_letters{kind="event"} 0.0',
    ):
        assert line in lines, stage.text()


async def test_a_queue_that_never_had_an_entry_is_empty_and_says_so() -> None:
    """An autoscaler that is told nothing of a queue does nothing."""
    stage = Stage()
    await stage.view.look()
    lines = stage.text().splitlines()
    assert 'kronstream_queue_entries{queue="default"} 0.0' in lines
    assert 'kronstream_queue_waiting{lane="high",queue="default"} 0.0' in lines


async def test_an_old_look_is_told_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    await stage.view.look()
    assert "kronstream_workers" in stage.text()
    monkeypatch.setattr(storeview, "OLD", -1.0)
    assert "kronstream_workers" not in stage.text()


def test_a_reason_of_another_version_widens_no_label() -> None:
    look = Look(
        Counts({("failed", "novel"): 2, ("failed", "odd"): 3, ("failed", "error"): 1}, {"Novel": 4}, 0, 0, 0, 0)
    )
    (runs, skipped) = list(families(look))[:2]
    told = {sample.labels["reason"]: sample.value for sample in runs.samples if sample.labels["outcome"] == "failed"}
    assert told == {"none": 0, "other": 5, "error": 1}
    assert "Novel" not in {sample.labels["reason"] for sample in skipped.samples}


def test_a_jitter_is_no_delay_and_a_delay_names_its_trace() -> None:
    registry = CollectorRegistry()
    measures = Measures(registry, traced=True)
    due = now()
    measures.dispatched(dispatch(0, due, delays=(30_000,)), due + 30_020)
    assert registry.get_sample_value("kronstream_dispatch_delay_seconds_sum") == pytest.approx(0.02)
    measures.dispatched(dispatch(0, due), due + 2_000)
    assert registry.get_sample_value("kronstream_dispatch_delay_seconds_bucket", {"le": "1.0"}) == 1
    assert registry.get_sample_value("kronstream_runs_dispatched_total") == 2
    (family,) = (one for one in registry.collect() if one.name == "kronstream_dispatch_delay_seconds")
    exemplars = {sample.exemplar.labels["trace_id"] for sample in family.samples if sample.exemplar}
    assert exemplars == {trace_id(f"{dispatch(0).uid}-s{due}")}
