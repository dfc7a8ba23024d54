"""Who gets a run, how often, and what happens when an entry, a worker or a reply is lost."""

import pytest

from builders import UID, adoption, card, success
from contract.acts import adopted, dispatched, failure, job, more, record, rid, state
from contract.stores import LEASE, Store
from kronstream.domain.run import Lane, State

pytestmark = pytest.mark.anyio

RECHECK = 60_000  # a queued run's entry is looked after this often


async def test_a_worker_takes_no_more_than_its_slots(store: Store) -> None:
    for lane in (Lane.LOW, Lane.HIGH):
        await dispatched(store, 3, uid=f"job-{lane.value}", lane=lane)
    taken = [[claim.lane for claim in await store.queue.take(card(), "default", 4)] for _ in range(3)]
    assert taken == [[Lane.HIGH] * 3 + [Lane.LOW], [Lane.LOW] * 2, []]


async def test_no_two_workers_get_the_same_run(store: Store) -> None:
    await dispatched(store, 10)
    first = await store.queue.take(card(), "default", 5)
    second = await store.queue.take(card("worker-2"), "default", 10)
    runs = [claim.run for claim in [*first, *second]]
    assert (len(runs), len(set(runs))) == (10, 10)
    assert len({claim.token for claim in [*first, *second]}) == 10
    assert sorted(await store.pending()) == sorted(
        [(claim.run, "worker-1") for claim in first] + [(claim.run, "worker-2") for claim in second]
    )


async def test_a_wait_ends_when_a_run_comes(store: Store) -> None:
    assert not await store.queue.wait("default", 10)
    await dispatched(store)
    assert await store.queue.wait("default", 5000)
    assert not await store.queue.wait("gpu", 10)


async def test_a_finished_run_leaves_neither_entry_nor_pending(store: Store) -> None:
    await dispatched(store, 2)
    first, second = await store.queue.take(card(), "default", 10)
    assert len(await store.pending()) == 2
    await store.queue.finish(card(), [success(first), failure(second, state=State.RETRYING, retry_in=60_000)])
    assert await store.pending() == []
    assert await store.entries() == []


async def test_a_queued_run_whose_entry_vanished_gets_another(store: Store) -> None:
    (nominal,) = await dispatched(store)
    await store.lose_entries()
    assert await store.queue.take(card(), "default", 10) == []
    assert await store.queue.sweep() == 0
    await store.advance(RECHECK + 1)
    assert await store.queue.sweep() == 1
    assert [claim.run for claim in await store.queue.take(card(), "default", 10)] == [rid(nominal)]


async def test_a_queued_run_with_an_entry_gets_no_other(store: Store) -> None:
    await dispatched(store)
    for _ in range(2):
        await store.advance(RECHECK + 1)
        assert await store.queue.sweep() == 0
    assert len(await store.entries()) == 1


async def test_a_running_run_whose_entry_vanished_may_finish(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.lose_entries()
    assert await store.queue.finish(card(), [success(claim)]) == [True]
    assert await state(store, nominal) is State.SUCCESS
    assert await store.pending() == []


async def test_pending_entries_that_vanished_are_acknowledged(store: Store) -> None:
    await dispatched(store)
    await store.queue.take(card(), "default", 10)
    await store.lose_entries()
    assert await store.queue.take_pending(card(), "default", 10) == []
    assert await store.pending() == []


async def test_a_run_handed_to_a_worker_that_dies_goes_on(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.beat(card("worker-2"), [])
    assert await store.queue.hand_over(card(), claim, "worker-2")
    assert await store.pending() == [(rid(nominal), "worker-2")]
    await store.advance(LEASE + 1)
    assert await store.queue.sweep() == 1
    assert [again.run for again in await store.queue.take(card(), "default", 10)] == [claim.run]


async def test_a_handed_run_stays_with_a_live_worker(store: Store) -> None:
    await dispatched(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.beat(card("worker-2"), [])
    await store.queue.hand_over(card(), claim, "worker-2")
    for _ in range(3):
        await store.advance(LEASE - 1000)
        await store.queue.beat(card("worker-2"), [])
        assert await store.queue.sweep() == 0
    assert [again.attempt for again in await store.queue.take_pending(card("worker-2"), "default", 10)] == [1]


async def test_a_handed_run_that_a_live_worker_does_not_take_goes_back(store: Store) -> None:
    await dispatched(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.beat(card("worker-2"), [])
    await store.queue.hand_over(card(), claim, "worker-2")
    for _ in range(7):
        await store.advance(LEASE - 1000)
        await store.queue.beat(card("worker-2"), [])
    assert await store.queue.sweep() == 1
    assert [again.run for again in await store.queue.take(card(), "default", 10)] == [claim.run]


async def test_what_was_handed_beyond_the_free_slots_is_offered_again(store: Store) -> None:
    await dispatched(store, 3)
    claims = await store.queue.take(card(), "default", 10)
    await store.queue.beat(card("worker-2"), [])
    for claim in claims:
        assert await store.queue.hand_over(card(), claim, "worker-2")
    held: list[str] = []
    for left in (2, 1, 0):
        assert (await store.queue.beat(card("worker-2"), [])).handed
        (again,) = await store.queue.take_pending(card("worker-2"), "default", 1, held)
        held.append(again.run)
        assert (await store.queue.beat(card("worker-2"), [])).handed == bool(left)
    assert sorted(held) == sorted(claim.run for claim in claims)


async def test_a_token_that_is_not_current_hands_nothing_over(store: Store) -> None:
    await dispatched(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.release(card(), [claim])
    await store.queue.beat(card("worker-2"), [])
    assert not await store.queue.hand_over(card(), claim, "worker-2")
    await store.queue.release(card(), [claim])
    assert len(await store.entries()) == 1


async def test_a_released_run_is_not_the_workers_any_more(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.release(card(), [claim])
    assert await state(store, nominal) is State.QUEUED
    assert await store.queue.finish(card(), [success(claim)]) == [False]
    assert await store.pending() == []


async def test_a_run_that_no_worker_survives_is_taken_out_of_delivery(store: Store) -> None:
    (nominal,) = await dispatched(store)
    for delivery in range(1, 21):
        (claim,) = await store.queue.take(card(), "default", 10)
        assert claim.deliveries == delivery
        await store.queue.release(card(), [claim])
    assert await store.queue.take(card(), "default", 10) == []
    found = await record(store, nominal)
    assert (found.state, found.reason) == (State.DEAD, "too_many_deliveries")
    known = await job(store)
    assert (known.runs, known.consecutive_failures, known.active) == ({"dead": 1}, 1, 0)
    assert await store.entries() == []


async def test_attempts_that_ended_are_not_counted_as_deliveries(store: Store) -> None:
    await dispatched(store)
    for attempt in range(1, 26):
        (claim,) = await store.queue.take(card(), "default", 10)
        assert (claim.attempt, claim.deliveries) == (attempt, 1)
        await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=0)])
        await store.queue.sweep()


async def test_a_deadline_for_the_start_says_nothing_of_a_retry(store: Store) -> None:
    (nominal,) = await dispatched(store, starting_deadline=20_000)
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=0)])
    await store.advance(60_000)
    await store.queue.sweep()
    assert [again.attempt for again in await store.queue.take(card(), "default", 10)] == [2]
    assert await state(store, nominal) is State.RUNNING


async def test_a_worker_is_known_while_it_beats(store: Store) -> None:
    assert await store.queue.workers() == []
    first, second = card(processed=3, succeeded=2, failed=1), card("worker-2", functions=("a", "b"), queues={"gpu": 4})
    begin = store.now()
    await store.queue.beat(second, [])
    await store.queue.beat(first, [])
    known = await store.queue.workers()
    assert [(each.consumer, each.functions, dict(each.queues), each.processed) for each in known] == [
        ("worker-1", ("echo",), {"default": 10}, 3),
        ("worker-2", ("a", "b"), {"gpu": 4}, 0),
    ]
    assert all(begin <= each.last_beat <= store.now() for each in known)
    assert await store.ledger.workers() == known
    await store.advance(LEASE - 1000)
    await store.queue.beat(first, [])
    await store.advance(1001)
    assert [each.consumer for each in await store.queue.workers()] == ["worker-1"]


async def test_a_worker_that_leaves_takes_its_consumer_along(store: Store) -> None:
    await dispatched(store)
    await store.queue.beat(card(), [])
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.finish(card(), [success(claim)])
    assert await store.consumers() == {"worker-1"}
    await store.queue.leave(card())
    assert await store.consumers() == set()
    assert await store.queue.workers() == []


async def test_a_worker_that_leaves_with_something_pending_leaves_its_consumer(store: Store) -> None:
    (nominal,) = await dispatched(store)
    await store.queue.beat(card(), [])
    await store.queue.take(card(), "default", 10)
    await store.queue.leave(card())
    assert await store.consumers() == {"worker-1"}
    assert await store.pending() == [(rid(nominal), "worker-1")]
    await store.advance(LEASE + 1)
    await store.queue.sweep()
    assert await state(store, nominal) is State.RETRYING


async def test_a_sweep_moves_no_more_than_its_limit(store: Store) -> None:
    await dispatched(store, 5)
    await store.queue.take(card(), "default", 10)
    await store.advance(LEASE + 1)
    assert [await store.ledger.sweep(2), await store.ledger.sweep(2)] == [2, 2]


async def test_a_run_goes_where_its_dispatch_said(store: Store) -> None:
    (nominal,) = await dispatched(store, queue="gpu", lane=Lane.HIGH)
    await store.ledger.adopt([adoption(generation=2, queue="cpu", lane=Lane.LOW)])
    assert await store.queue.take(card(queues={"cpu": 10}), "cpu", 10) == []
    (claim,) = await store.queue.take(card(queues={"gpu": 10}), "gpu", 10)
    assert (claim.nominal, claim.lane) == (nominal, Lane.HIGH)
    await store.queue.release(card(queues={"gpu": 10}), [claim])
    assert [again.lane for again in await store.queue.take(card(queues={"gpu": 10}), "gpu", 10)] == [Lane.HIGH]


async def test_entries_say_what_they_are(store: Store) -> None:
    (nominal,) = await dispatched(store)
    assert await store.entries() == [
        {
            "v": "1",
            "run": rid(nominal),
            "uid": UID,
            "namespace": "default",
            "name": "job",
            "nominal": str(nominal),
            "generation": "1",
        }
    ]


async def test_a_work_of_a_newer_version_is_left_to_a_newer_worker(store: Store) -> None:
    await adopted(store, work='{"v":2}')
    (nominal,) = await more(store)
    assert await store.queue.take(card(), "default", 10) == []
    found = await record(store, nominal)
    assert (found.state, found.attempt) == (State.QUEUED, 0)


async def test_a_long_queue_does_not_hold_up_a_retry(store: Store) -> None:
    await dispatched(store, 1)
    (claim,) = await store.queue.take(card(), "default", 1)
    for number in range(3):
        await dispatched(store, 10, uid=f"job-{number}")
    await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=61_000)])
    await store.advance(61_500)  # every queued run wants a look, too, and all of them before the retry
    assert await store.queue.sweep(10) == 1
    assert await state(store, claim.nominal) is State.QUEUED


async def test_a_sweep_moves_no_more_than_it_was_asked_to(store: Store) -> None:
    await dispatched(store, 10)
    claims = await store.queue.take(card(), "default", 10)
    outcomes = [failure(claim, state=State.RETRYING, retry_in=0) for claim in claims]
    await store.queue.finish(card(), outcomes)
    assert [await store.queue.sweep(4) for _ in range(4)] == [4, 4, 2, 0]


async def test_a_consumer_that_is_gone_is_removed_once_nothing_is_pending_for_it(store: Store) -> None:
    await dispatched(store, 3)
    for consumer in ("worker-1", "worker-2", "worker-3"):
        await store.queue.beat(card(consumer), [])
        (claim,) = await store.queue.take(card(consumer), "default", 1)
        if consumer != "worker-1":
            await store.queue.finish(card(consumer), [success(claim)])
    assert await store.queue.tidy(["default", "other"]) == 0
    await store.advance(LEASE + 1)
    await store.queue.beat(card("worker-2"), [])
    assert await store.queue.tidy(["default"], 3_600_000) == 0
    await store.queue.tidy(["default"], 0)
    assert await store.consumers() == {"worker-1", "worker-2"}  # the run of the first is pending
    await store.queue.sweep()
    await store.queue.tidy(["default"], 0)
    assert await store.consumers() == {"worker-2"}
