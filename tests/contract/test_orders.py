"""Orders about many runs: kept, claimed under a lease, gone on with by another, bounded, known for a day."""

from collections.abc import AsyncIterator

import pytest

from contract.harness import GROUP
from contract.modelstore import ModelStore
from contract.stores import RedisStore, Store
from kronstream.ports import Change
from kronstream.ports.orders import KEPT, MOST_ORDERS, MOST_RUNS, Order, Orders
from kronstream.streams.orders import RedisOrders
from kronstream.testing.orders import MemoryOrders

pytestmark = pytest.mark.anyio
LEASE = 10_000
RUNS = [f"run-{number}" for number in range(5)]


@pytest.fixture
async def orders(store: Store) -> AsyncIterator[Orders]:
    if isinstance(store, RedisStore):
        yield RedisOrders(store.redis, store.keys, GROUP)
    else:
        assert isinstance(store, ModelStore)
        yield MemoryOrders(store.memory)


def order(number: int = 1, runs: int = len(RUNS)) -> Order:
    return Order(f"op-{number}", "retry", "default", runs, "uid", "ünï", "anna")


async def test_an_order_is_kept_once(orders: Orders) -> None:
    assert await orders.get("op-1") is None
    assert await orders.put(order(), RUNS) is Change.OK
    assert await orders.put(order(), RUNS[:1]) is Change.SAME
    found = await orders.get("op-1")
    assert found is not None
    assert (found.kind, found.namespace, found.uid, found.name, found.by) == ("retry", "default", "uid", "ünï", "anna")
    assert (found.count, found.done, found.refused, found.state, found.finished) == (5, 0, 0, "running", None)
    assert found.created > 0


async def test_it_is_done_in_shares_and_ends_with_the_last(orders: Orders) -> None:
    await orders.put(order(), RUNS)
    share = await orders.claim("a", LEASE, 3)
    assert share is not None
    assert share.runs == ("run-0", "run-1", "run-2")
    assert await orders.claim("b", LEASE, 3) is None
    assert await orders.advance("op-1", "a", 0, 2, 1)
    share = await orders.claim("b", LEASE, 3)
    assert share is not None
    assert share.runs == ("run-3", "run-4")
    assert share.order.done == 2
    assert await orders.advance("op-1", "b", LEASE, 2, 0)
    found = await orders.get("op-1")
    assert found is not None
    assert (found.done, found.refused, found.state) == (4, 1, "done")
    assert found.finished is not None
    assert await orders.claim("a", LEASE, 3) is None


async def test_another_goes_on_where_the_word_stood_once_the_lease_is_over(store: Store, orders: Orders) -> None:
    await orders.put(order(), RUNS)
    await orders.claim("a", LEASE, 3)
    await orders.advance("op-1", "a", LEASE, 1, 0)
    await store.advance(LEASE - 5_000)
    assert await orders.claim("b", LEASE, 3) is None
    await store.advance(5_001)
    share = await orders.claim("b", LEASE, 3)
    assert share is not None
    assert share.runs == ("run-1", "run-2", "run-3")
    assert not await orders.advance("op-1", "a", LEASE, 2, 0), "it is another's by now"
    assert await orders.advance("op-1", "b", LEASE, 3, 0)
    found = await orders.get("op-1")
    assert found is not None
    assert found.done == 4


async def test_an_order_can_be_ended(orders: Orders) -> None:
    assert await orders.end("op-1") is Change.GONE
    await orders.put(order(), RUNS)
    await orders.claim("a", LEASE, 3)
    assert await orders.end("op-1") is Change.OK
    assert not await orders.advance("op-1", "a", LEASE, 3, 0)
    assert await orders.end("op-1") is Change.OVER
    found = await orders.get("op-1")
    assert found is not None
    assert (found.state, found.done) == ("cancelled", 0)
    assert await orders.claim("b", LEASE, 3) is None


async def test_an_order_about_nothing_ends_at_once(orders: Orders) -> None:
    await orders.put(order(runs=0), [])
    share = await orders.claim("a", LEASE, 3)
    assert share is not None
    assert share.runs == ()
    assert await orders.advance("op-1", "a", LEASE, 0, 0)
    found = await orders.get("op-1")
    assert found is not None
    assert found.state == "done"


async def test_only_so_many_are_under_way_and_as_many_runs_as_may_be_are_kept(orders: Orders) -> None:
    runs = [f"run-{number}" for number in range(MOST_RUNS)]
    assert await orders.put(order(0, MOST_RUNS), runs) is Change.OK
    for number in range(1, MOST_ORDERS):
        assert await orders.put(order(number), RUNS) is Change.OK
    assert await orders.put(order(MOST_ORDERS), RUNS) is Change.FULL
    await orders.end("op-1")
    assert await orders.put(order(MOST_ORDERS), RUNS) is Change.OK
    await orders.claim("a", LEASE, 1)
    await orders.advance("op-0", "a", 0, MOST_RUNS - 1, 0)


async def test_how_it_ended_is_known_for_a_day(store: Store, orders: Orders) -> None:
    await orders.put(order(), RUNS)
    await orders.end("op-1")
    await store.advance(KEPT - 60_000)
    assert await orders.get("op-1") is not None
    await store.advance(60_001)
    assert await orders.get("op-1") is None
