"""The small parts of an operator: its clock, its budget, what workers offer, what is told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import card
from kronstream import clock as clocks
from kronstream import trouble as troubles
from kronstream.budget import Budget
from kronstream.clock import StoreClock
from kronstream.controller import offers as offering
from kronstream.controller.job import first_cursor, read
from kronstream.controller.offers import Offers
from kronstream.controller.roster import Roster
from kronstream.ports import WorkerCard
from kronstream.resources.instant import parse, render
from kronstream.testing import FixedClock, MemoryLedger, MemoryStore
from kronstream.testing.model import Worker
from kronstream.trouble import SAID_EVERY, Trouble
from unit.fakecluster import CREATED, NOW, UID, manifest

pytestmark = pytest.mark.anyio


class Machine:
    """This machine's monotonic clock, in seconds, and a store whose clock is `offset` seconds ahead of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, offset: float = 1_795_000_000.0) -> None:
        self.at = 1000.0
        self.offset = offset
        monkeypatch.setattr(clocks.time, "monotonic", lambda: self.at)
        self.clock = StoreClock()

    def beat(self, there: float, back: float) -> None:
        """A heartbeat whose request and answer take this many seconds."""
        sent = self.at
        micros = round((sent + there + self.offset) * 1_000_000)
        self.at += there + back
        self.clock.observe(sent, self.at, micros)

    @property
    def error(self) -> float:
        """Milliseconds between the estimate and the store's clock."""
        return self.clock.now() - (self.at + self.offset) * 1000


def test_the_clock_is_the_stores_after_one_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    machine.beat(0.001, 0.001)
    assert abs(machine.error) <= 1


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 1.0, -1.0])
def test_a_jump_of_the_stores_clock_is_followed_at_once(monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    machine = Machine(monkeypatch)
    machine.beat(0.001, 0.001)
    machine.offset += jump
    machine.beat(0.001, 0.001)
    assert abs(machine.error) <= 2


def test_one_slow_answer_moves_the_clock_little_and_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    for _ in range(10):
        machine.beat(0.0005, 0.0005)
    machine.beat(0.0, 0.4)
    assert abs(machine.error) <= 50
    for _ in range(60):
        machine.at += 0.2
        machine.beat(0.0005, 0.0005)
    assert abs(machine.error) <= 2


@given(st.lists(st.tuples(st.integers(0, 200), st.floats(0, 5)), max_size=50))
def test_a_budget_never_gives_more_than_its_rates(asked: list[tuple[int, float]]) -> None:
    budget = Budget(50, 600, 1000, 0.0)
    now, given_ = 0.0, 0
    for wanted, pause in asked:
        now += pause
        granted = budget.take(wanted, now)
        assert 0 <= granted <= wanted
        given_ += granted
        assert given_ <= 1000 + 50 * now
        assert given_ <= 60 + 600 * now


def test_a_budget_is_saved_up_to_its_burst_and_stands_a_clock_that_stands_still() -> None:
    budget = Budget(50, 600, 100, 0.0)
    assert budget.take(1000, 0.0) == 60
    assert budget.take(1000, 0.0) == 0
    assert budget.take(1000, -5.0) == 0
    assert sum(budget.take(1000, 1000.0 + step / 10) for step in range(10)) <= 100 + 50


async def looked(
    monkeypatch: pytest.MonkeyPatch, told: str | None = None
) -> tuple[Offers, MemoryStore, list[float], list[str]]:
    """Offers over an empty store, its clock in seconds, and what it told to have changed; `told`: the job's status."""
    at = [1000.0]
    monkeypatch.setattr(offering.time, "monotonic", lambda: at[0])
    store, roster = MemoryStore(FixedClock(NOW), "epoch"), Roster()
    roster.put(read(manifest(), 60_000)[0])
    its = Offers(MemoryLedger(store), roster)
    if told is not None:
        says(its, told)
    return its, store, at, []


def says(its: Offers, told: str) -> None:
    for job in its._roster:
        job.conditions = ({"type": "Ready", "status": "True"}, {"type": "HandlerAvailable", "status": told})


async def offers(store: MemoryStore, *cards: WorkerCard) -> None:
    store.workers = {one.consumer: Worker(one, NOW + 10_000) for one in cards}


async def test_what_is_offered_is_unknown_until_somebody_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    its, _, _, changed = await looked(monkeypatch)
    assert its.offered("default", "echo") is None
    await its.look(changed.append)
    assert its.offered("default", "echo") is False
    assert changed == []


async def test_a_worker_that_comes_is_told_and_one_that_goes_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    its, store, at, changed = await looked(monkeypatch, "False")
    await its.look(changed.append)
    assert changed == []
    await offers(store, card())
    await its.look(changed.append)
    assert (its.offered("default", "echo"), its.offered("other", "echo"), changed) == (True, False, [UID])
    says(its, "True")
    await offers(store)
    at[0] += offering.PATIENCE - 1
    await its.look(changed.append)
    assert (its.offered("default", "echo"), changed) == (True, [UID])
    at[0] += 2
    await its.look(changed.append)
    assert (its.offered("default", "echo"), changed) == (False, [UID, UID])
    says(its, "False")
    await its.look(changed.append)
    assert changed == [UID, UID], "said once"


async def test_a_status_that_another_replica_left_wrong_is_put_right(monkeypatch: pytest.MonkeyPatch) -> None:
    its, store, _, changed = await looked(monkeypatch, "False")
    await offers(store, card())
    await its.look(changed.append)
    assert changed == [UID], "at the first look already"


async def test_functions_long_gone_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    its, store, at, changed = await looked(monkeypatch)
    for number in range(100):
        await offers(store, card(functions=(f"function-{number}",)))
        await its.look(changed.append)
        at[0] += 10 * offering.PATIENCE
    await its.look(changed.append)
    assert len(its._seen) <= 1


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({}, {}, parse(CREATED)),
        ({}, {"cursor": render(NOW)}, NOW),
        ({}, {"cursor": "yesterday"}, parse(CREATED)),
        ({}, {"cursor": 7}, parse(CREATED)),
        ({"runAt": "2026-11-18T11:00:00Z"}, {}, parse("2026-11-18T11:00:00Z") - 1),
        ({"runAt": "2026-11-19T11:00:00Z"}, {}, parse(CREATED)),
        ({"runAt": "2026-11-18T11:00:00Z"}, {"cursor": render(NOW)}, NOW),
    ],
)
def test_where_a_job_starts_that_the_store_does_not_know(
    spec: dict[str, Any], status: dict[str, Any], expected: int
) -> None:
    its, adoption = read(manifest(status=status, **spec), 60_000)
    assert (first_cursor(its, status), adoption.cursor) == (expected, expected)


def test_an_invalid_spec_is_a_job_that_is_held() -> None:
    its, adoption = read(manifest(schedule="every day"), 60_000)
    assert its.fault is not None
    assert not its.firing
    assert (adoption.invalid, adoption.when, adoption.work) == (True, "", None)


def test_a_trouble_that_lasts_is_told_from_time_to_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    at = [1000.0]
    monkeypatch.setattr(troubles.time, "monotonic", lambda: at[0])
    trouble = Trouble(troubles.logging.getLogger("test"), "it failed")
    for _ in range(100):
        trouble.tell(OSError("away"))
    assert caplog.text.count("it failed: away") == 1
    at[0] += SAID_EVERY
    trouble.tell(TimeoutError())
    assert "it failed: TimeoutError" in caplog.text
    trouble.over()
    trouble.tell("again")
    assert caplog.text.count("it failed") == 3
