"""Backfills: at their pace, as many at a time as they may, one run for an instant whoever steps."""

from dataclasses import replace

import pytest

from builders import UID, card
from contract.acts import adopted, ask, dispatched, ended, failure, job, more, taken
from contract.stores import EPOCH, Store
from kronstream.domain.run import State, Trigger, run_id
from kronstream.ports import Backfill, Change, Epoch

pytestmark = pytest.mark.anyio

DAY = 86_400_000
NEW = Backfill("b1", UID, '{"every":1000,"anchor":0}', 1000, 9000, 999, 60_000, 2, 9, by="somebody")


async def begun(store: Store, **fields: object) -> Backfill:
    new = replace(NEW, **fields)
    assert await store.requests.create_backfill(new) is Change.OK
    return await known(store, new.id)


async def known(store: Store, name: str = NEW.id) -> Backfill:
    found = await store.requests.backfill(name)
    assert found
    return found


async def step(store: Store, nominal: int | None) -> str:
    return await store.requests.step_backfill(EPOCH, await known(store), nominal)


async def due(store: Store) -> list[str]:
    return [found.id for found in await store.requests.backfills_due()]


def bid(nominal: int) -> str:
    return run_id(UID, Trigger.BACKFILL, f"{NEW.id}.{nominal}")


async def test_a_backfill_is_known_as_it_was_asked_for(store: Store) -> None:
    await adopted(store)
    begin = store.now()
    found = await begun(store)
    assert begin <= found.created <= store.now()
    assert replace(found, created=0) == NEW
    assert await store.requests.create_backfill(replace(NEW, total=1)) is Change.SAME
    assert await known(store) == found
    assert await store.requests.backfills_of(UID) == [found]
    assert await due(store) == [NEW.id]
    assert await store.requests.create_backfill(replace(NEW, id="b2", uid="unknown")) is Change.GONE
    assert await store.requests.backfill("b2") is None
    assert await store.requests.backfills_of("unknown") == []


async def test_instants_get_their_runs_at_the_pace(store: Store) -> None:
    await adopted(store)
    await begun(store)
    seq = (await job(store)).seq
    assert await step(store, 1000) == "ok"
    assert (await job(store)).seq == seq + 1
    assert await due(store) == []
    await store.advance(50_000)
    assert await due(store) == []
    await store.advance(10_001)
    assert await due(store) == [NEW.id]
    (claim,) = await taken(store)
    assert (claim.run, claim.nominal) == (bid(1000), 1000)
    record = await store.records.get(claim.run)
    assert record
    assert (record.trigger, record.requested_by) == (Trigger.BACKFILL, "somebody")
    found = await known(store)
    assert (found.cursor, found.started, found.state) == (1000, 1, "running")
    assert (await job(store)).last_schedule is None


async def test_so_many_at_a_time(store: Store) -> None:
    await adopted(store)
    await begun(store, interval=0)
    assert [await step(store, nominal) for nominal in (1000, 2000, 3000)] == ["ok", "ok", "wait"]
    assert (await known(store)).cursor == 2000
    assert await due(store) == []
    first, second = await taken(store)
    await ended(store, first)
    # its end calls for the next at once
    assert await due(store) == [NEW.id]
    assert await step(store, 3000) == "ok"
    await store.queue.finish(card(), [failure(second)])
    found = await known(store)
    assert (found.started, found.succeeded, found.failed) == (3, 1, 1)


async def test_a_backfill_is_done_when_its_last_run_is(store: Store) -> None:
    await adopted(store)
    await begun(store)
    await step(store, 9000)
    assert await step(store, None) == "wait"
    (claim,) = await taken(store)
    await ended(store, claim)
    assert await due(store) == [NEW.id]
    assert await step(store, None) == "done"
    found = await known(store)
    assert (found.state, found.succeeded) == ("done", 1)
    assert found.finished is not None
    assert await due(store) == []
    assert await step(store, None) == "over"
    assert await store.requests.cancel_backfill(NEW.id, "somebody") is Change.OVER
    assert [found.id for found in await store.requests.backfills_of(UID)] == [NEW.id]


async def test_of_two_steppers_one_is_faster(store: Store) -> None:
    await adopted(store)
    before = await begun(store)
    assert await store.requests.step_backfill(EPOCH, before, 1000) == "ok"
    assert await store.requests.step_backfill(EPOCH, before, 1000) == "cursor:1000"
    assert len(await taken(store)) == 1
    assert (await known(store)).started == 1


@pytest.mark.parametrize("policy", ["Forbid", "Replace"])
async def test_a_refusal_waits_and_loses_nothing(store: Store, policy: str) -> None:
    await dispatched(store, policy=policy)
    claims = await taken(store)
    await begun(store)
    assert await step(store, 1000) == "wait"
    assert await due(store) == []
    await store.advance(1001)
    assert await due(store) == [NEW.id]
    assert (await store.queue.beat(card(), claims)).cancel == {}
    known_job = await job(store)
    assert (known_job.skipped, known_job.active) == ({}, 1)
    await ended(store, *claims)
    assert await step(store, 1000) == "ok"
    assert [claim.nominal for claim in await taken(store)] == [1000]
    assert (await known(store)).started == 1


async def test_its_runs_wait_in_the_jobs_line(store: Store) -> None:
    await dispatched(store, policy="Queue")
    claims = await taken(store)
    await begun(store)
    assert await step(store, 1000) == "ok"
    assert await taken(store) == []
    await ended(store, *claims)
    assert [claim.nominal for claim in await taken(store)] == [1000]


async def test_a_job_that_cannot_be_used_holds_its_backfills(store: Store) -> None:
    await adopted(store)
    await begun(store)
    await adopted(store, generation=2, invalid=True, when="", work=None)
    assert await step(store, 1000) == "wait"
    assert (await known(store)).cursor == NEW.cursor


async def test_its_runs_are_replaced_by_what_is_due(store: Store) -> None:
    await adopted(store, policy="Replace")
    await begun(store)
    await step(store, 1000)
    (nominal,) = await more(store)
    assert [claim.nominal for claim in await taken(store)] == [nominal]
    assert (await known(store)).failed == 1


async def test_a_cancelled_backfill_starts_no_more(store: Store) -> None:
    await adopted(store)
    await begun(store)
    await step(store, 1000)
    assert await store.requests.cancel_backfill(NEW.id, "somebody") is Change.OK
    assert await store.requests.cancel_backfill("unknown", "somebody") is Change.GONE
    found = await known(store)
    assert found.state == "cancelled"
    assert found.finished is not None
    assert await step(store, 2000) == "over"
    assert await due(store) == []
    (claim,) = await taken(store)  # what was started goes on
    await ended(store, claim)
    assert (await known(store)).succeeded == 1
    assert await due(store) == []


async def test_a_deleted_job_ends_its_backfills(store: Store) -> None:
    await adopted(store)
    await begun(store)
    await step(store, 1000)
    await store.ledger.forget([UID])
    assert (await known(store)).state == "cancelled"
    assert await due(store) == []
    assert await step(store, 2000) == "over"
    assert await store.undying(UID) == set()


async def test_what_is_told_of_a_backfill_ends_after_a_week(store: Store) -> None:
    await adopted(store)
    begun_one = await begun(store)
    await store.requests.cancel_backfill(NEW.id, "somebody")
    await store.advance(7 * DAY - 60_000)
    assert (await known(store)).state == "cancelled"
    await store.advance(60_001)
    assert await store.requests.backfill(NEW.id) is None
    assert await store.requests.backfills_of(UID) == []
    assert await store.requests.step_backfill(EPOCH, begun_one, 1000) == "gone"
    assert await store.requests.create_backfill(NEW) is Change.OK


async def test_there_is_a_bound_for_those_that_run_and_one_for_those_listed(store: Store) -> None:
    await adopted(store)
    for number in range(20):
        await begun(store, id=f"a{number:02}")
    assert await store.requests.create_backfill(NEW) is Change.FULL
    for number in range(40):
        await store.requests.cancel_backfill(f"a{number:02}", "somebody")
        await begun(store, id=f"a{number + 20:02}")
    listed = await store.requests.backfills_of(UID)
    assert len(listed) == 40
    assert sum(found.state == "running" for found in listed) == 20
    assert await store.requests.backfills_due(5) == (await store.requests.backfills_due())[:5]


async def test_an_older_copy_starts_no_instant_twice(store: Store) -> None:
    await adopted(store)
    await begun(store, interval=0, concurrent=9)
    await step(store, 1000)
    copy = await store.snapshot()
    claims = await taken(store)
    await store.restore(copy)
    await store.queue.beat(card(), claims)
    assert await step(store, 2000) == "ok"
    await ended(store, *claims, *await taken(store))
    found = await known(store)
    assert (found.started, found.succeeded) == (2, 2)


async def test_a_lost_store_is_known_by_its_epoch(store: Store) -> None:
    await adopted(store)
    before = await begun(store)
    await store.wipe()
    with pytest.raises(Epoch):
        await store.requests.step_backfill(EPOCH, before, 1000)
    await store.reopen()
    assert await store.requests.step_backfill(EPOCH, before, 1000) == "gone"


async def test_its_runs_can_be_cancelled_and_done_again(store: Store) -> None:
    await adopted(store)
    await begun(store)
    await step(store, 1000)
    await store.requests.cancel([bid(1000)], "somebody")
    assert (await known(store)).failed == 1
    await ask(store, retry_of=bid(1000), nominal=1000)
    (claim,) = await taken(store)
    await ended(store, claim)
    record = await store.records.get(bid(1000))
    assert record
    assert record.state is State.CANCELLED
    assert (await known(store)).succeeded == 0
