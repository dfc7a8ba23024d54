"""Parts that stand still are found by the liveness of their process; parts that wait for a neighbour are not."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from eventually import eventually
from kronstream.cluster import watch as watching
from kronstream.cluster.watch import Inbox, Watch
from kronstream.controller import ticker as ticking
from kronstream.events import delivery as delivering
from kronstream.health import Pace
from kronstream.ports import Effect, Fate, WorkerCard
from kronstream.vitals import RedisVitals, WatchVitals
from kronstream.worker.exposition import Readiness, Statistics
from kronstream.worker.heart import Heart
from kronstream.worker.store import Store
from unit.eventstage import CREATE_JOB, STREAM, EventStage, event, soon
from unit.eventstage import manifest as handler
from unit.fakecluster import NOW, manifest
from unit.watchmaker import Watchmaker

pytestmark = pytest.mark.anyio


def sick(pace: Pace) -> bool:
    """Whether it stands still for longer than a moment; the bounds of the real ones are minutes."""
    pace._longest = 0.2
    return bool(pace.fault)


async def for_ever(*_: Any, **__: Any) -> Any:
    """Stands where an answer never comes."""
    await asyncio.Event().wait()


async def test_a_ticker_whose_dispatch_never_returns_is_sick(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Watchmaker()
    await clock.adopt(manifest())
    monkeypatch.setattr(clock.ledger, "dispatch", for_ever)
    clock.stage.time.now = NOW
    async with clock.ticking():
        await soon(lambda: sick(clock.ticker.pace))
        assert "the ticker stands still" in clock.ticker.pace.fault


async def test_a_ticker_that_waits_for_redis_is_well_however_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticking, "LOOK", 0.01)
    clock = Watchmaker()
    await clock.adopt(manifest())
    async with clock.ticking():
        await soon(clock.runs)
        await soon(lambda: not sick(clock.ticker.pace))
        clock.replicas.open.clear()
        await asyncio.sleep(0.5)
        assert not sick(clock.ticker.pace)


async def test_a_delivery_that_never_hears_of_the_store_is_sick(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = EventStage()
    await stage.open(handler(action=CREATE_JOB))
    await stage.log.join(STREAM, "0")
    asked: list[Sequence[Effect]] = []

    async def route(epoch: str, effects: Sequence[Effect]) -> list[Fate]:
        asked.append(effects)
        return cast("list[Fate]", await for_ever())

    monkeypatch.setattr(stage.effects, "route", route)
    task = asyncio.create_task(stage.delivery.run())
    await asyncio.sleep(0.3)
    assert not sick(stage.delivery.pace)  # there is nothing to deliver
    stage.log.add(STREAM, {"event": event()})
    stage.hand.put(await stage.log.read([STREAM], "router-1", 100, 0))
    await soon(lambda: asked)
    await soon(lambda: sick(stage.delivery.pace))
    task.cancel()


async def test_a_delivery_that_waits_for_redis_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "AWAY", 0.001)
    stage = EventStage()
    await stage.open(handler(action=CREATE_JOB))
    await stage.log.join(STREAM, "0")
    stage.pulse.reject()
    stage.log.add(STREAM, {"event": event()})
    stage.hand.put(await stage.log.read([STREAM], "router-1", 100, 0))
    task = asyncio.create_task(stage.delivery.run())
    await asyncio.sleep(0.5)
    assert not sick(stage.delivery.pace)
    task.cancel()


def watched(monkeypatch: pytest.MonkeyPatch, operator: Callable[..., Any]) -> tuple[Watch, CollectorRegistry]:
    """A watch over a kopf that does as it is told."""
    monkeypatch.setattr(watching.kopf, "operator", operator)
    registry, loop = CollectorRegistry(), asyncio.new_event_loop()
    inbox = Inbox(loop, lambda *_: None, lambda: None)
    watch = Watch(inbox, "scheduledjobs", (), WatchVitals(registry))
    watch.start()
    return watch, registry


def test_a_watch_whose_loop_is_blocked_is_sick(monkeypatch: pytest.MonkeyPatch) -> None:
    entered, left = threading.Event(), threading.Event()

    async def blocked(**_: Any) -> None:
        entered.set()
        left.wait(30)

    watch, _ = watched(monkeypatch, blocked)
    assert entered.wait(10)
    watch.pace.on()  # as it did a moment before
    eventually(lambda: sick(watch.pace))
    left.set()
    watch.stop()
    assert not sick(watch.pace)


def test_a_watch_whose_api_server_is_away_is_started_anew_and_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(watching, "LONGEST_PAUSE", 0.02)

    async def away(**_: Any) -> None:
        raise OSError("no route")

    watch, registry = watched(monkeypatch, away)
    labels = {"resource": "scheduledjobs"}
    eventually(lambda: (registry.get_sample_value("kronstream_watch_restarts_total", labels) or 0) > 3)
    eventually(lambda: not sick(watch.pace))
    watch.stop()


def test_a_watch_tells_what_it_hears_and_when_a_list_came(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = threading.Event()

    async def one(memo: Inbox, stop_flag: asyncio.Event, **_: Any) -> None:
        memo.put("ADDED", {"metadata": {}})
        heard.set()
        await stop_flag.wait()

    watch, registry = watched(monkeypatch, one)
    labels, begin = {"resource": "scheduledjobs"}, time.time()
    assert registry.get_sample_value("kronstream_watch_last_list_timestamp_seconds", labels) == 0
    assert heard.wait(10)
    watch.close_gap()
    watch.stop()
    assert registry.get_sample_value("kronstream_watch_events_total", labels) == 1
    for name in ("event", "list"):
        at = registry.get_sample_value(f"kronstream_watch_last_{name}_timestamp_seconds", labels)
        assert at is not None
        assert abs(at - begin) < 60


def heart(beat: Callable[..., Any]) -> tuple[Heart, CollectorRegistry]:
    """A worker's heart over a store that is fit, and answers as it is told."""

    async def fit() -> str:
        return ""

    async def tell(_message: object) -> None:
        return None

    registry = CollectorRegistry()
    store = cast("Store", SimpleNamespace(fault=fit, caveat="", queue=SimpleNamespace(beat=beat)))
    statistics = Statistics(WorkerCard("w", "", {"default": 1}, ()))
    found = Heart(store, statistics, Readiness(), RedisVitals(registry), enabled=True)
    found.process = cast("Any", SimpleNamespace(tell=tell, slate=SimpleNamespace(held=lambda: ())))
    return found, registry


async def test_a_heart_whose_beat_never_returns_is_sick() -> None:
    found, _ = heart(for_ever)
    task = asyncio.create_task(found.beat())
    await soon(lambda: sick(found.pace))
    task.cancel()


async def test_a_heart_whose_redis_is_away_beats_on_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronstream.worker.heart.BEAT_EVERY", 0.01)

    async def away(*_: Any) -> Any:
        raise OSError("away")

    found, registry = heart(away)
    task = asyncio.create_task(found.beat())
    await soon(lambda: registry.get_sample_value("kronstream_redis_roundtrip_seconds_count"))
    await soon(lambda: registry.get_sample_value("kronstream_redis_up") == 0)
    await soon(lambda: not sick(found.pace))
    task.cancel()
