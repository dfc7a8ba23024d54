"""A job that runs once."""

import pytest

from builders import UID, adoption, card, dispatch, success
from contract.acts import adopted, failure, job, rid, state
from contract.stores import EPOCH, Store
from kronstream.domain.plan import Skipped
from kronstream.domain.run import Skip, State
from kronstream.ports import Adopted, Dispatch, Verdict

pytestmark = pytest.mark.anyio

WHEN = '{"at":1000}'


async def once(store: Store, item: Dispatch) -> Verdict:
    ((verdict, _),) = await store.ledger.dispatch(EPOCH, [item])
    return verdict


async def due(store: Store, **fields: object) -> Dispatch:
    """Adopt a one-time job that is due; its dispatch."""
    cursor = await adopted(store, when=WHEN, **fields)
    return dispatch(cursor, cursor + 1000, once=True)


async def test_it_is_dispatched_once_and_done_when_the_run_ended(store: Store) -> None:
    item = await due(store)
    assert await once(store, item) is Verdict.OK
    assert await once(store, item) is Verdict.DONE
    assert await once(store, dispatch(item.to, item.to + 1, once=True)) is Verdict.DONE
    known = await job(store)
    assert (known.once, known.done) == (rid(item.to), None)
    (claim,) = await store.queue.take(card(), "default", 10)
    begin = store.now()
    await store.queue.finish(card(), [success(claim)])
    known = await job(store)
    assert known.done is not None
    assert known.done >= begin
    assert await store.ledger.adopt([adoption(when=WHEN)]) == [Adopted(item.to, rid(item.to), known.done)]


async def test_a_retry_is_not_the_end_of_it(store: Store) -> None:
    await once(store, await due(store))
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=0)])
    assert (await job(store)).done is None
    await store.queue.sweep()
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.finish(card(), [failure(claim)])
    assert (await job(store)).done is not None


@pytest.mark.parametrize("reason", [Skip.EXPIRED, Skip.DEADLINE])
async def test_a_skip_is_the_end_of_it(store: Store, reason: Skip) -> None:
    cursor = await adopted(store, when=WHEN)
    at = cursor + 1
    item = dispatch(cursor, to=at, once=True, skips=(Skipped(reason, 1, at, at),))
    assert await once(store, item) is Verdict.OK
    known = await job(store)
    assert (known.once, known.skipped) == (reason.value, {reason.value: 1})
    assert known.done is not None
    assert await once(store, dispatch(at, at + 1, once=True)) is Verdict.DONE


async def test_a_refused_run_is_the_end_of_it(store: Store) -> None:
    cursor = await adopted(store, policy="Forbid")
    await store.ledger.dispatch(EPOCH, [dispatch(cursor, cursor + 1)])
    await store.ledger.adopt([adoption(generation=2, policy="Forbid")])
    item = dispatch(cursor + 1, cursor + 2, generation=2, once=True)
    assert await once(store, item) is Verdict.OK
    known = await job(store)
    assert (known.skipped, known.once) == ({"Overlap": 1}, "Overlap")
    assert known.done is not None


async def test_a_deadline_that_passed_in_the_queue_is_the_end_of_it(store: Store) -> None:
    item = await due(store, starting_deadline=100)
    await once(store, item)
    assert await store.queue.take(card(), "default", 10) == []
    assert await state(store, item.to) is State.SKIPPED
    assert (await job(store)).done is not None


async def test_an_instant_that_had_run_by_a_schedule_before_is_done(store: Store) -> None:
    cursor = await adopted(store)
    await store.ledger.dispatch(EPOCH, [dispatch(cursor, cursor + 1)])
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.finish(card(), [success(claim)])
    item = dispatch(cursor + 1, cursor + 1, once=True)
    assert await once(store, item) is Verdict.OK
    known = await job(store)
    assert (known.once, known.runs) == (rid(cursor + 1), {"success": 1})
    assert known.done is not None
    assert await store.queue.take(card(), "default", 10) == []


async def test_it_is_known_to_the_next_generation(store: Store) -> None:
    item = await due(store)
    await once(store, item)
    assert await store.ledger.adopt([adoption(generation=2, when=WHEN)]) == [Adopted(item.to, rid(item.to), None)]
    assert await once(store, dispatch(item.to, item.to + 1, generation=2, once=True)) is Verdict.DONE
    assert [claim.uid for claim in await store.queue.take(card(), "default", 10)] == [UID]


async def test_a_replica_that_is_second_is_told_at_once_and_where_the_cursor_is(store: Store) -> None:
    at = store.now() - 1000
    cursor = await adopted(store, cursor=at - 1)
    assert await once(store, dispatch(cursor, at, once=True)) is Verdict.OK
    assert await store.ledger.dispatch(EPOCH, [dispatch(cursor, at, once=True)]) == [(Verdict.DONE, at)]
