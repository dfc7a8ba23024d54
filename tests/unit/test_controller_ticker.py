"""Firing what is due: batches, verdicts, and clocks that jump."""

import asyncio
from typing import Any

import pytest
from redis.exceptions import RedisError

from kronstream.controller import ticker as ticking
from kronstream.controller.replicas import BACKUP
from kronstream.ports import Dispatch
from unit.fakecluster import EPOCH, NOW, UID, manifest
from unit.watchmaker import Watchmaker

pytestmark = pytest.mark.anyio


async def test_what_is_due_is_dispatched_and_armed_again() -> None:
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest())
    await clock.ticker.fire(NOW)
    assert clock.runs() == [NOW - 10_000 + 1000 * number for number in range(1, 11)]
    assert (job.cursor, job.next, job.wake) == (NOW, NOW + 1000, NOW + 1000)


async def test_another_replicas_job_is_looked_at_later() -> None:
    clock = Watchmaker()
    clock.replicas.mine = False
    (job,) = await clock.adopt(manifest())
    assert job.next is not None
    await clock.ticker.fire(job.next)
    assert job.wake == job.next + BACKUP
    assert clock.runs() == []
    clock.replicas.mine = True
    await clock.ticker.fire(job.next + BACKUP)
    assert clock.runs()


async def test_a_job_whose_replica_died_meanwhile_is_fired_at_its_instant() -> None:
    clock = Watchmaker()
    clock.replicas.mine = False
    (job,) = await clock.adopt(manifest())
    assert job.next is not None
    clock.replicas.mine = True
    await clock.ticker.fire(job.next)
    assert clock.runs() == [job.next - 1000]


async def test_a_cursor_of_another_replica_is_taken_over_without_a_question() -> None:
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest())
    clock.stage.store.jobs[UID].cursor = NOW - 2_000
    await clock.ticker.fire(NOW)
    await clock.ticker.fire(NOW)
    assert clock.runs() == [NOW - 1_000, NOW]
    assert clock.refreshed == []
    assert job.wake == NOW + 1000


@pytest.mark.parametrize("change", [{"generation": 2}, {"generation": 0}, {"suspended": True}])
async def test_where_the_store_knows_better_the_object_is_read_again(change: dict[str, Any]) -> None:
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest())
    for name, value in change.items():
        setattr(clock.stage.store.jobs[UID], name, value)
    await clock.ticker.fire(NOW)
    assert clock.refreshed == [job]
    assert clock.runs() == []


async def test_a_store_that_was_lost_is_told_to_the_replicas_and_the_job_is_tried_again() -> None:
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest())
    clock.stage.store.epoch = None
    await clock.ticker.fire(NOW)
    assert (clock.replicas.rejected, clock.runs()) == (1, [])
    assert job.wake == NOW + ticking.RETRY


async def test_a_store_that_fails_is_told_once_and_loses_no_run(caplog: pytest.LogCaptureFixture) -> None:
    clock = Watchmaker()
    await clock.adopt(manifest())
    clock.ledger.fault = RedisError("OOM command not allowed")
    for _ in range(20):
        await clock.ticker.fire(clock.stage.time.now)
        clock.stage.time.advance(ticking.RETRY)
    assert len(clock.ledger.asked) == 20
    assert caplog.text.count("dispatching failed") == 1
    clock.ledger.fault = None
    await clock.ticker.fire(clock.stage.time.now)
    assert len(clock.runs()) == 14


async def test_much_to_make_up_for_goes_in_portions_that_a_script_can_bear() -> None:
    clock = Watchmaker()
    await clock.adopt(*(manifest(f"job-{number}", maxBacklog=1000) for number in range(300)))
    clock.stage.time.advance(40_000)
    await clock.ticker.fire(clock.stage.time.now)
    sizes = [sum(len(item.due) for item in items) for items in clock.ledger.asked]
    assert sum(sizes) == 300 * 50
    assert max(sizes) <= ticking.RUNS + 50


async def test_a_clock_that_went_forward_is_noticed_while_the_ticker_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticking, "LOOK", 0.001)
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest(every="1h"))
    async with clock.ticking():
        await asyncio.sleep(0)
        clock.stage.time.advance(3_600_000)
        await asyncio.wait_for(_eventually(clock.runs), 5)
    assert job.next is not None
    assert job.next > clock.stage.time.now


async def test_a_clock_that_went_back_does_not_silence_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticking, "LOOK", 0.001)
    monkeypatch.setattr(ticking, "RETRY", 0)
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest())
    async with clock.ticking():
        clock.stage.time.advance(3_600_000)
        await asyncio.wait_for(_eventually(lambda: job.cursor == NOW + 3_600_000), 5)
        clock.stage.time.now = NOW + 10_500
        await asyncio.wait_for(_eventually(lambda: job.cursor == NOW + 10_500), 5)
        clock.stage.time.advance(1_000)
        await asyncio.wait_for(_eventually(lambda: NOW + 11_000 in clock.runs()), 5)
    assert job.next == NOW + 12_000


async def test_a_job_created_by_a_clock_that_is_ahead_is_not_silent_until_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticking, "RETRY", 0)
    clock = Watchmaker()
    clock.stage.time.now = NOW - 600_000
    job, _ = await clock.adopt(manifest(runAt="2026-11-18T11:00:00Z"), manifest("other", every="1h"))
    await clock.ticker.fire(clock.stage.time.now)
    assert clock.stage.store.jobs["other"].cursor == NOW - 600_000
    assert clock.runs("other") == []
    assert job.once is None


async def _eventually(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.001)


async def test_the_second_replica_asks_nobody_about_one_time_jobs_that_the_first_dispatched() -> None:
    clock = Watchmaker()
    (job,) = await clock.adopt(manifest(runAt="2026-11-18T11:06:40Z"))
    await clock.ledger.dispatch(EPOCH, [Dispatch(UID, 1, job.revision, job.cursor, NOW, (NOW,), once=True)])
    await clock.ticker.fire(NOW)
    await clock.ticker.fire(NOW)
    assert (clock.refreshed, clock.runs(), job.cursor, job.wake) == ([], [NOW], NOW, None)


async def test_jobs_that_ask_of_the_run_before_hold_no_other_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticking, "LONG", 60.0)
    clock = Watchmaker()
    await clock.adopt(manifest("asking", runIf='last.status == "none"'), manifest("plain"))
    await clock.ticker.fire(NOW)
    assert [[item.uid for item in items] for items in clock.ledger.asked] == [["plain"], ["asking"]]
    assert clock.runs("asking") == clock.runs("plain")
