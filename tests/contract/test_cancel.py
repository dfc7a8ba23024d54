"""Cancelling runs: what has not started ends at once, what runs is asked to."""

import pytest

from builders import UID, card, success
from contract.acts import dispatched, ended, failure, job, more, record, rid, state, taken
from contract.stores import LEASE, Store
from kronstream.domain.retry import Retry
from kronstream.domain.run import State
from kronstream.ports import Change

pytestmark = pytest.mark.anyio


async def cancel(store: Store, *runs: str) -> list[Change]:
    return await store.requests.cancel(runs, "somebody")


@pytest.mark.parametrize("phase", ["queued", "waiting", "retrying"])
async def test_what_has_not_started_ends_at_once(store: Store, phase: str) -> None:
    first, second = await dispatched(store, 2, policy="Queue", max_concurrent=1 if phase == "waiting" else 2)
    nominal = second
    if phase == "retrying":
        claims = await taken(store)
        await store.queue.finish(card(), [failure(claims[1], state=State.RETRYING, retry_in=60_000)])
    assert await cancel(store, rid(nominal), "unknown") == [Change.OK, Change.GONE]
    found = await record(store, nominal)
    assert (found.state, found.reason) == (State.CANCELLED, "requested")
    assert await cancel(store, rid(nominal)) == [Change.OVER]
    known = await job(store)
    assert (known.runs, known.unfinished) == ({"cancelled": 1}, (rid(first),))
    assert await cancel(store) == []


async def test_what_runs_is_asked_to_end(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await taken(store)
    for _ in range(2):
        assert await cancel(store, rid(nominal)) == [Change.ASKED]
    assert (await store.queue.beat(card(), [claim])).cancel == {rid(nominal): "requested"}
    await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=0)])
    found = await record(store, nominal)
    assert (found.state, found.reason) == (State.CANCELLED, "requested")
    assert await cancel(store, rid(nominal)) == [Change.OVER]


async def test_a_success_before_it_was_heard_stays_one(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await taken(store)
    await cancel(store, rid(nominal))
    await ended(store, claim)
    assert await state(store, nominal) is State.SUCCESS


async def test_a_dead_worker_hears_nothing_and_the_run_ends_all_the_same(store: Store) -> None:
    (nominal,) = await dispatched(store, work_fields={"retry": Retry(limit=5)})
    await taken(store)
    await cancel(store, rid(nominal))
    await store.advance(LEASE + 1)
    assert await store.queue.sweep() == 1
    assert (await record(store, nominal)).reason == "requested"


async def test_a_cancelled_run_that_is_handed_back_ends(store: Store) -> None:
    (nominal,) = await dispatched(store)
    claims = await taken(store)
    await cancel(store, rid(nominal))
    await store.queue.release(card(), claims)
    assert await taken(store) == []
    assert (await record(store, nominal)).reason == "requested"


async def test_a_replaced_run_keeps_its_reason(store: Store) -> None:
    (first,) = await dispatched(store, policy="Replace")
    (claim,) = await taken(store)
    await more(store)
    assert await cancel(store, rid(first)) == [Change.ASKED]
    await store.queue.finish(card(), [failure(claim, state=State.CANCELLED)])
    assert (await record(store, first)).reason == "replaced"


async def test_a_running_run_of_a_forgotten_job_can_be_cancelled(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await taken(store)
    await store.ledger.forget([UID])
    assert await cancel(store, rid(nominal)) == [Change.ASKED]
    assert await store.queue.finish(card(), [success(claim, state=State.CANCELLED)]) == [True]
    assert await store.undying(UID) == set()
