"""The consuming loop: how much it takes, what it hands over or back, and what it does while the store is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kronstream.domain.retry import Retry
from kronstream.domain.run import Reason, State
from kronstream.ports import Outcome
from kronstream.worker.children import Children
from kronstream.worker.consumer import Consumer, slots_for, unsent_limit
from kronstream.worker.registry import Registry
from kronstream.worker.slate import FAILED, PROCESSED, RUNNING, SUCCEEDED, Slate
from unit.fakequeue import FakeQueue, card, claim

pytestmark = pytest.mark.anyio


class Work:
    """Handlers that a test holds and lets go: `gate` and `stuck` wait for `open`, and `began` counts."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.running = 0
        self.most = 0
        self.registry = Registry()
        for function in (self.echo, self.gate, self.fail):
            self.registry.add(function.__name__, function)

    async def echo(self, payload: Any) -> Any:
        return payload

    async def fail(self, payload: Any) -> Any:
        raise ValueError("no")

    async def gate(self, payload: Any) -> Any:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.open.wait()
        finally:
            self.running -= 1
        return payload


@asynccontextmanager
async def consuming(
    queue: FakeQueue,
    work: Work,
    *,
    concurrency: int = 4,
    batch_size: int = 10,
    opened: bool = True,
    serves: tuple[str, ...] = (),
) -> AsyncIterator[tuple[Consumer, Slate]]:
    slate = Slate(slots_for(concurrency))
    children = Children({"handlers": [], "log_format": "text", "log_level": "info"})
    mine = card(functions=work.registry.names, concurrency=concurrency)
    consumer = Consumer(
        queue,
        mine,
        work.registry,
        children,
        slate,
        batch_size=batch_size,
        block_ms=60_000,
        cancel_grace=0.1,
        serves=serves,
    )
    task = asyncio.create_task(consumer.run())
    consumer.open(now=opened)
    try:
        yield consumer, slate
    finally:
        task.cancel()
        await asyncio.wait({task})
        slate.close()


async def ends(queue: FakeQueue, count: int) -> list[Outcome]:
    await queue.until(lambda queue: len(queue.outcomes) >= count)
    assert len(queue.outcomes) == count
    return queue.outcomes


async def soon(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_runs_are_taken_executed_and_finished() -> None:
    claims = [claim("echo", number) for number in range(25)]
    queue = FakeQueue(*claims)
    async with consuming(queue, Work()) as (_, slate):
        outcomes = await ends(queue, 25)
        assert {outcome.token for outcome in outcomes} == {claim.token for claim in claims}
        assert all(outcome.state is State.SUCCESS and outcome.generation == 1 for outcome in outcomes)
        await soon(lambda: not list(slate.held()))
        assert (slate[PROCESSED], slate[SUCCEEDED], slate[FAILED], slate[RUNNING]) == (25, 25, 0, 0)


async def test_never_more_than_the_free_slots_and_a_batch_to_begin_with() -> None:
    work = Work()
    queue = FakeQueue(*(claim("gate") for _ in range(12)))
    async with consuming(queue, work, concurrency=5, batch_size=3) as (_, slate):
        await soon(lambda: work.running == 5)
        assert queue.taken == [3, 2]
        assert len(queue.queued) == 7
        assert slate[RUNNING] == 5
        work.open.set()
        await ends(queue, 12)
        assert work.most == 5
        assert max(queue.taken) <= 5


async def test_while_answers_come_back_full_more_is_asked_for_and_then_a_batch_again() -> None:
    work = Work()
    queue = FakeQueue(*(claim("gate") for _ in range(45)))
    async with consuming(queue, work, concurrency=100, batch_size=3):
        await queue.until(lambda queue: "wait" in queue.calls)
        assert queue.taken == [3, 6, 12, 24, 48]
        await queue.add(claim("gate"))
        await queue.until(lambda queue: len(queue.taken) >= 6)
        assert queue.taken[5] == 3
        work.open.set()
        await ends(queue, 46)


async def test_it_waits_while_there_is_nothing_and_wakes_up() -> None:
    queue = FakeQueue()
    async with consuming(queue, Work()):
        await queue.until(lambda queue: "wait" in queue.calls)
        takes = queue.calls.count("take")
        await queue.add(claim("echo"))
        await ends(queue, 1)
        assert queue.calls.count("take") <= takes + 2


async def test_shut_it_takes_nothing() -> None:
    queue = FakeQueue(claim("echo"))
    async with consuming(queue, Work(), opened=False) as (consumer, _):
        await asyncio.sleep(0.05)
        assert queue.calls == []
        consumer.open()
        await ends(queue, 1)


async def test_what_was_pending_is_taken_first_and_after_a_hint() -> None:
    queue = FakeQueue(claim("echo", run="queued"))
    queue.pending = [claim("echo", run=f"pending-{number}") for number in range(6)]
    async with consuming(queue, Work(), concurrency=4) as (consumer, _):
        outcomes = await ends(queue, 7)
        assert sorted(outcome.run for outcome in outcomes[:6]) == [f"pending-{number}" for number in range(6)]
        await queue.until(lambda queue: "wait" in queue.calls)
        queue.pending = [claim("echo", run="handed")]
        consumer.handed()
        assert (await ends(queue, 8))[-1].run == "handed"


async def test_statistics_count_failures() -> None:
    queue = FakeQueue(claim("fail"), claim("fail", retry=Retry()), claim("echo"))
    async with consuming(queue, Work()) as (_, slate):
        outcomes = await ends(queue, 3)
        assert sorted(outcome.state for outcome in outcomes) == [State.FAILED, State.RETRYING, State.SUCCESS]
        await soon(lambda: slate[PROCESSED] == 3)
        assert (slate[SUCCEEDED], slate[FAILED]) == (1, 2)


async def test_a_fenced_outcome_is_dropped_and_not_counted() -> None:
    one = claim("echo")
    queue = FakeQueue(one)
    queue.fenced.add(one.token)
    async with consuming(queue, Work()) as (_, slate):
        await queue.until(lambda queue: "finished" in queue.calls)
        await soon(lambda: not list(slate.held()))
        assert queue.outcomes == []
        assert slate[PROCESSED] == 0


def away(*calls: str) -> Callable[[str], None]:
    def broken(call: str) -> None:
        if not calls or call in calls:
            raise ConnectionError("no answer from redis://:hunter2@host:6379")

    return broken


async def test_while_the_store_is_away_it_tries_again_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    queue = FakeQueue(claim("echo"))
    queue.broken = away()
    async with consuming(queue, Work()):
        await queue.until(lambda queue: queue.calls.count("take_pending") >= 4)
        queue.broken = lambda call: None
        await ends(queue, 1)
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(told) == 1
    assert "cannot ask for runs of the queue default (ConnectionError" in told[0]
    assert "hunter2" not in told[0]


async def test_outcomes_survive_until_the_store_is_back() -> None:
    queue = FakeQueue(*(claim("echo", number) for number in range(3)))
    failures = iter(range(3))

    def lost(call: str) -> None:
        if call == "finish" and next(failures, None) is not None:
            raise ConnectionError("gone")

    queue.broken = lost
    async with consuming(queue, Work()):
        assert len(await ends(queue, 3)) == 3


async def test_a_lost_reply_is_asked_for_again() -> None:
    """The runs of a take whose reply was lost are pending: they are asked for before anything else is taken."""
    queue = FakeQueue(claim("echo", run="new"))
    lost = claim("echo", run="lost")
    once = iter([True])

    def broken(call: str) -> None:
        if call == "take" and next(once, False):
            queue.pending.append(lost)
            raise TimeoutError

    queue.broken = broken
    async with consuming(queue, Work()):
        assert [outcome.run for outcome in await ends(queue, 2)] == ["lost", "new"]


async def test_nothing_is_taken_while_too_many_outcomes_are_unsent() -> None:
    limit = unsent_limit(4)
    queue = FakeQueue(*(claim("echo") for _ in range(limit * 2)))
    queue.broken = away("finish")
    async with consuming(queue, Work()) as (_, slate):
        await soon(lambda: len(list(slate.held())) >= limit)
        await asyncio.sleep(0.3)
        assert limit <= len(list(slate.held())) <= limit + 4
        queue.broken = lambda call: None
        await ends(queue, limit * 2)


async def test_one_outcome_the_store_chokes_on_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronstream.worker.backoff.LONGEST", 0.01)
    poison = claim("echo", run="poison")
    queue = FakeQueue(claim("echo"), poison, claim("echo"), claim("echo"))
    finish = queue.finish

    async def choosy(card: Any, outcomes: Any) -> list[bool]:
        if any(outcome.run == "poison" for outcome in outcomes):
            raise ValueError("not this one")
        return await finish(card, outcomes)

    monkeypatch.setattr(queue, "finish", choosy)
    async with consuming(queue, Work()):
        await ends(queue, 3)


async def test_an_unknown_function_goes_to_a_live_worker_that_offers_it() -> None:
    queue = FakeQueue(claim("theirs", run="r"))
    queue.others = [
        card("me", ("theirs",)),
        card("elsewhere", ("theirs",), queue="gpu"),
        card("other", ("others",)),
        card("right", ("theirs",)),
    ]
    async with consuming(queue, Work()) as (_, slate):
        await queue.until(lambda queue: bool(queue.handed))
        await soon(lambda: not list(slate.held()))
        assert queue.handed == [("r", "right")]
        assert queue.outcomes == []
        assert slate[RUNNING] == 0


async def test_where_nobody_takes_it_the_attempt_fails_and_names_what_is_known() -> None:
    queue = FakeQueue(claim("nobody:s", retry=Retry(limit=1)))
    queue.others = [card("gone", ("nobody:s", "their:function"))]
    queue.gone = {"gone"}
    async with consuming(queue, Work()):
        (outcome,) = await ends(queue, 1)
    assert (outcome.state, outcome.reason) == (State.RETRYING, Reason.UNKNOWN_HANDLER)
    assert outcome.failure is not None
    assert "no live worker of the queue 'default' offers 'nobody:s'" in outcome.failure.message
    assert "echo, fail, gate, nobody:s, their:function" in outcome.failure.message


async def test_a_confined_worker_executes_no_run_of_another_namespace_whatever_its_retry_says() -> None:
    work = Work()
    queue = FakeQueue(
        claim("gate", run="theirs", namespace="team-b", retry=Retry(limit=9)), claim("echo", run="ours"),
        claim("no:such", run="unknown", namespace="team-b", retry=Retry(limit=9)),
    )  # fmt: skip
    queue.others = [card("other", ("no:such",))]
    async with consuming(queue, work, serves=("ns",)) as (_, slate):
        outcomes = {outcome.run: outcome for outcome in await ends(queue, 3)}
        await soon(lambda: not list(slate.held()))
    assert (outcomes["ours"].state, work.most, queue.handed) == (State.SUCCESS, 0, [])
    for run in ("theirs", "unknown"):
        assert (outcomes[run].state, outcomes[run].reason) == (State.FAILED, Reason.PERMANENT)


async def test_the_names_in_the_message_are_bounded_and_the_cards_asked_for_once() -> None:
    queue = FakeQueue(*(claim("nobody:s") for _ in range(20)))
    queue.others = [card("other", tuple(f"function:{number}" for number in range(1_000)))]
    async with consuming(queue, Work(), concurrency=20, batch_size=20):
        outcomes = await ends(queue, 20)
    assert outcomes[0].failure is not None
    assert len(outcomes[0].failure.message) < 1_000
    assert "and 983 more" in outcomes[0].failure.message
    assert queue.calls.count("workers") <= 2


async def test_cancel_and_lost_reach_the_handler() -> None:
    work = Work()
    kept, cancelled, lost = (claim("gate", run=name) for name in ("kept", "cancelled", "lost"))
    queue = FakeQueue(kept, cancelled, lost)
    async with consuming(queue, work) as (consumer, slate):
        await soon(lambda: work.running == 3)
        consumer.cancel(cancelled.token, "replaced")
        consumer.lost(lost.token)
        consumer.cancel("unknown", "replaced")
        (outcome,) = await ends(queue, 1)
        assert (outcome.run, outcome.state, outcome.reason) == ("cancelled", State.CANCELLED, Reason.REPLACED)
        await soon(lambda: [held.claim.run for held in slate.held()] == ["kept"])
        assert queue.released == []


async def test_draining_lets_what_runs_end() -> None:
    work = Work()
    queue = FakeQueue(claim("gate", run="running"))
    async with consuming(queue, work, concurrency=1) as (consumer, slate):
        await soon(lambda: work.running == 1)
        draining = asyncio.create_task(consumer.drain(grace=20))
        await queue.add(claim("echo", run="later"))
        work.open.set()
        await draining
        assert [outcome.run for outcome in queue.outcomes] == ["running"]
        assert queue.released == []
        assert [claim.run for claim in queue.queued] == ["later"]
        assert list(slate.held()) == []
        assert consumer.drained.is_set()


async def test_draining_hands_back_what_does_not_end() -> None:
    work = Work()
    queue = FakeQueue(claim("gate", run="running"), claim("gate", run="other"))
    async with consuming(queue, work) as (consumer, slate):
        await soon(lambda: work.running == 2)
        await consumer.drain(grace=0.05)
        assert {claim.run for claim in queue.released} == {"running", "other"}
        assert queue.outcomes == []
        assert list(slate.held()) == []


async def test_draining_an_idle_or_a_shut_consumer_is_quick() -> None:
    for opened in (True, False):
        async with consuming(FakeQueue(), Work(), opened=opened) as (consumer, _):
            async with asyncio.timeout(10):
                await consumer.drain(grace=20)


async def test_draining_while_the_store_is_away_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronstream.worker.consumer.FLUSH", 0.2)
    queue = FakeQueue(claim("echo"))
    queue.broken = away("finish")
    async with consuming(queue, Work()) as (consumer, slate):
        await soon(lambda: slate[RUNNING] == 0 and list(slate.held()))
        async with asyncio.timeout(5):
            await consumer.drain(grace=0.1)
        assert len(list(slate.held())) == 1
