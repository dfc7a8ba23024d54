"""Which runs a worker gets, of which lane, and when a queue's limits let it have none."""

from collections import Counter

import pytest

from builders import card
from contract.acts import dispatched, ended, more, rid, taken
from contract.stores import LEASE, Store
from kronstream.domain.limits import Limits, queue_gate
from kronstream.domain.run import Lane
from kronstream.ports import Claim

pytestmark = pytest.mark.anyio

RECHECK = 60_000


async def limited(store: Store, text: str, slots: int = 10, consumer: str = "worker-1") -> list[Claim]:
    """What a worker gets whose settings limit the queue default."""
    limits = Limits({"default": queue_gate("default", text)}, {})
    return await store.queue.take(card(consumer, limits=limits.shape()), "default", slots)


async def test_no_lane_starves_and_critical_goes_first(store: Store) -> None:
    for lane in (Lane.HIGH, Lane.MEDIUM, Lane.LOW):
        await dispatched(store, 9, uid=f"job-{lane.value}", lane=lane)
    lanes = [claim.lane for _ in range(8) for claim in await taken(store, 1)]
    assert Counter(lanes) == {Lane.HIGH: 5, Lane.MEDIUM: 2, Lane.LOW: 1}
    await dispatched(store, 8, uid="job-critical", lane=Lane.CRITICAL)
    assert [claim.lane for _ in range(8) for claim in await taken(store, 1)] == [Lane.CRITICAL] * 8


async def test_a_turn_of_an_empty_lane_goes_to_the_others(store: Store) -> None:
    await dispatched(store, 8, lane=Lane.MEDIUM)
    assert [len(await taken(store, 1)) for _ in range(8)] == [1] * 8


async def test_a_worker_of_several_queues_reads_each(store: Store) -> None:
    await dispatched(store, 1, uid="a", queue="default")
    await dispatched(store, 1, uid="b", queue="reports")
    both = card(queues={"default": 1, "reports": 1})
    assert [len(await store.queue.take(both, queue, 1)) for queue in ("default", "reports", "other")] == [1, 1, 0]
    await store.queue.leave(both)
    assert await store.queue.workers() == []


async def test_a_paused_queue_begins_nothing_and_keeps_its_runs(store: Store) -> None:
    (nominal,) = await dispatched(store)
    assert await store.queues.pause("default", "ann", "the database moves")
    assert not await store.queues.pause("default", "bob", "again")
    assert await taken(store) == []
    assert await store.queue.take_pending(card(), "default", 10) == []
    (paused,) = (await store.queues.paused()).items()
    assert (paused[0], paused[1].by, paused[1].reason) == ("default", "ann", "the database moves")
    await store.advance(2 * RECHECK)
    await store.queue.sweep()
    assert await taken(store) == []

    assert await store.queues.resume("default")

    assert await store.queue.wait("default", 1000)
    assert [claim.run for claim in await taken(store)] == [rid(nominal)]
    assert not await store.queues.resume("default")
    assert await store.queues.paused() == {}


async def test_what_executes_in_a_paused_queue_goes_on(store: Store) -> None:
    await dispatched(store)
    (claim,) = await taken(store)
    await store.queues.pause("default", "ann", "")
    assert (await store.queue.beat(card(), [claim])).lost == frozenset()
    await ended(store, claim)


async def test_a_queue_executes_no_more_than_its_limit_over_all_workers(store: Store) -> None:
    await dispatched(store, 5)
    first = await limited(store, "3", 2)
    second = await limited(store, "3", 10, "worker-2")
    assert (len(first), len(second)) == (2, 1)
    assert await limited(store, "3", 10, "worker-3") == []
    assert len(await store.entries()) == 5
    await ended(store, first[0], second[0])
    assert await store.queue.wait("default", 1000)
    assert len(await limited(store, "3", 10, "worker-3")) == 2


async def test_a_dead_workers_runs_free_their_slots(store: Store) -> None:
    await dispatched(store, 2)
    assert len(await limited(store, "1")) == 1
    await store.advance(LEASE + 1)
    await store.queue.sweep()
    assert len(await limited(store, "1", 10, "worker-2")) == 1


async def test_a_queue_begins_no_more_in_a_time_than_its_pace(store: Store) -> None:
    await dispatched(store, 9)
    assert len(await limited(store, "4/1m")) == 4
    assert await limited(store, "4/1m", 10, "worker-2") == []
    await store.queue.sweep()
    assert await store.queue.wait("default", 1000)  # whoever waits looks again
    await store.advance(15_010)
    assert len(await limited(store, "4/1m")) == 1
    await store.advance(60_010)
    assert len(await limited(store, "4/1m")) == 4


async def test_what_waits_in_a_queue_is_told(store: Store) -> None:
    assert await store.queues.backlogs(["default"]) == []
    await dispatched(store, 3)
    await taken(store, 1)
    (found,) = [one for one in await store.queues.backlogs(["default", "other"]) if one.entries]
    assert (found.queue, found.lane, found.entries, found.taken) == ("default", Lane.MEDIUM, 3, 1)
    assert found.oldest is not None
    assert 0 <= found.oldest < 60_000
    await taken(store)
    (found,) = [one for one in await store.queues.backlogs(["default"]) if one.entries]
    assert (found.taken, found.oldest) == (3, None)


async def test_more_than_a_batch_may_wait(store: Store) -> None:
    await dispatched(store, 1)
    await more(store, 3)
    assert len(await taken(store)) == 4
