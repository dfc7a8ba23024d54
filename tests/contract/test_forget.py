"""A deleted job leaves no firing, no queued run, and nothing without an end."""

import pytest

from builders import UID, adoption, card, dispatch, success
from contract.acts import adopted, dispatched, failure, job, more, record, rid, state
from contract.stores import EPOCH, LEASE, Store
from kronstream.domain.run import State
from kronstream.ports import Gone, Verdict

pytestmark = pytest.mark.anyio

DAY = 86_400_000


async def test_a_forgotten_job_is_unknown_and_stays_so(store: Store) -> None:
    cursor = await adopted(store)
    assert await store.ledger.forget([UID, "unknown"]) == 1
    assert await store.ledger.forget([UID]) == 0
    assert await store.ledger.known() == []
    assert await store.ledger.describe([UID]) == [None]
    assert await store.ledger.cursors([UID]) == [None]
    assert await store.ledger.dirty() == (0, [])
    assert await store.ledger.adopt([adoption(generation=2)]) == [Gone()]
    assert await store.ledger.dispatch(EPOCH, [dispatch(cursor, cursor + 1)]) == [(Verdict.GONE, 0)]
    assert await store.undying(UID) == set()


async def test_the_tombstone_ends_after_a_day(store: Store) -> None:
    await adopted(store)
    await store.ledger.forget([UID])
    await store.advance(DAY - 60_000)
    assert await store.ledger.adopt([adoption()]) == [Gone()]
    await store.advance(60_001)
    await adopted(store)


async def test_a_job_that_the_api_server_has_again_is_adopted_again(store: Store) -> None:
    await dispatched(store)
    await store.ledger.forget([UID])
    await adopted(store, cursor=store.now() - 5_000, alive=True)
    assert await store.ledger.known() == [UID]
    await store.advance(61_000)
    await more(store)
    (claim,) = await store.queue.take(card(), "default", 1)
    assert claim.work.function == "echo"


async def test_a_job_that_is_back_knows_what_still_runs(store: Store) -> None:
    (first,) = await dispatched(store, policy="Forbid", group="g")
    (claim,) = await store.queue.take(card(), "default", 1)
    await store.ledger.forget([UID])
    await adopted(store, cursor=first, alive=True, policy="Forbid", group="g")
    await more(store)
    known = await job(store)
    assert (known.active, known.skipped) == (1, {"Overlap": 1})
    for _ in range(2):  # for longer than what is left of a forgotten job is kept
        await store.advance(4 * DAY)
        await store.queue.beat(card(), [claim])
    await more(store)
    assert (await job(store)).skipped == {"Overlap": 2}
    assert await store.queue.finish(card(), [success(claim)]) == [True]
    (nominal,) = await more(store)
    assert [claim.nominal for claim in await store.queue.take(card(), "default", 1)] == [nominal]


async def test_a_job_adopted_after_the_list_is_not_forgotten(store: Store) -> None:
    listed = store.now() - 1
    await adopted(store)
    assert await store.ledger.forget([UID], before=listed) == 0
    assert await store.ledger.known() == [UID]
    assert await store.ledger.forget([UID], before=store.now() + 1000) == 1


async def test_queued_runs_are_cancelled(store: Store) -> None:
    first, second = await dispatched(store, 2)
    (claim,) = await store.queue.take(card(), "default", 1)
    await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=0)])
    await store.ledger.forget([UID])
    for nominal in (first, second):
        found = await record(store, nominal)
        assert (found.state, found.reason) == (State.CANCELLED, "deleted")
    assert await store.queue.sweep() == 0
    assert await store.queue.take(card(), "default", 10) == []
    assert await store.entries() == []
    assert await store.undying(UID) == set()


@pytest.mark.parametrize("good", [True, False])
async def test_a_running_run_may_finish(store: Store, good: bool) -> None:
    (nominal,) = await dispatched(store)
    claims = await store.queue.take(card(), "default", 10)
    await store.ledger.forget([UID])
    assert await state(store, nominal) is State.RUNNING
    await store.advance(LEASE - 1000)
    assert (await store.queue.beat(card(), claims)).lost == frozenset()
    end = success(claims[0]) if good else failure(claims[0], state=State.RETRYING, retry_in=0)
    assert await store.queue.finish(card(), [end]) == [True]
    assert await state(store, nominal) is (State.SUCCESS if good else State.FAILED)
    assert await store.queue.sweep() == 0
    assert await store.pending() == []
    assert await store.undying(UID) == set()


async def test_a_running_run_whose_worker_dies_is_not_retried(store: Store) -> None:
    (nominal,) = await dispatched(store)
    await store.queue.take(card(), "default", 10)
    await store.ledger.forget([UID])
    await store.advance(LEASE + 1)
    assert await store.queue.sweep() == 1
    found = await record(store, nominal)
    assert (found.state, found.reason) == (State.FAILED, "worker_lost")
    assert await store.undying(UID) == set()


@pytest.mark.parametrize("target", ["", "worker-2"])
async def test_a_running_run_that_is_handed_back_ends(store: Store, target: str) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.beat(card("worker-2"), [])
    await store.ledger.forget([UID])
    if target:
        assert await store.queue.hand_over(card(), claim, target)
    else:
        await store.queue.release(card(), [claim])
    assert await store.queue.take(card("worker-2"), "default", 10) == []
    assert await store.queue.take_pending(card("worker-2"), "default", 10) == []
    found = await record(store, nominal)
    assert (found.state, found.reason) == (State.CANCELLED, "deleted")
    assert await store.pending() == []
    assert await store.undying(UID) == set()


async def test_a_waiting_replacement_is_cancelled_and_never_starts(store: Store) -> None:
    (first,) = await dispatched(store, policy="Replace")
    (claim,) = await store.queue.take(card(), "default", 10)
    (second,) = await more(store)
    await store.ledger.forget([UID])
    assert await state(store, second) is State.CANCELLED
    await store.queue.finish(card(), [success(claim)])
    assert await state(store, first) is State.SUCCESS
    assert await store.queue.take(card(), "default", 10) == []
    assert await store.undying(UID) == set()


async def test_history_ends_after_its_age(store: Store) -> None:
    (nominal,) = await dispatched(store, keep_age=3_600_000)
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.finish(card(), [success(claim)])
    await store.ledger.forget([UID])
    await store.advance(3_000_000)
    assert [found.id for found in await store.records.of_job(UID)] == [rid(nominal)]
    await store.advance(600_001)
    assert await store.records.of_job(UID) == []
    assert await store.records.get(rid(nominal)) is None


async def test_other_jobs_are_not_touched(store: Store) -> None:
    await dispatched(store)
    await dispatched(store, uid="another")
    await store.ledger.forget([UID])
    assert [claim.uid for claim in await store.queue.take(card(), "default", 10)] == ["another"]


async def test_runs_that_one_dispatch_replaced_leave_nothing(store: Store) -> None:
    await dispatched(store, 3, policy="Replace")
    await store.ledger.forget([UID])
    assert await store.undying(UID) == set()
