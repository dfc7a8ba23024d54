"""The store's clock is set forward or back, or nobody looked at it for a while."""

import pytest

from builders import UID, adoption, card, dispatch
from contract.acts import adopted, dispatched, ended, failure, job, more, rid, state, taken
from contract.stores import EPOCH, LEASE, Store
from kronstream.domain.retry import Retry
from kronstream.domain.run import State
from kronstream.ports import Backfill, Expect, Verdict

pytestmark = pytest.mark.anyio

MINUTE, HOUR = 60_000, 3_600_000
HOLD = 15_000


async def fired(store: Store, *instants: int) -> list[int]:
    """Dispatch from where the cursor is; what ran."""
    known = await job(store)
    item = dispatch(known.cursor, *instants, generation=known.generation)
    assert await store.ledger.dispatch(EPOCH, [item]) == [(Verdict.OK, 0)]
    claims = await taken(store, 100)
    await ended(store, *claims)
    return [claim.nominal for claim in claims]


async def set_back(store: Store) -> int:
    """The dispatch that finds the cursor ahead; the cursor then."""
    known = await job(store)
    ((verdict, cursor),) = await store.ledger.dispatch(EPOCH, [dispatch(known.cursor, known.cursor + 1000)])
    assert verdict is Verdict.CURSOR
    assert cursor < known.cursor
    assert (await store.ledger.cursors([UID])) == [cursor]
    return cursor


@pytest.mark.parametrize("ms", [HOUR, 600_000])
async def test_what_runs_is_not_lost_when_the_clock_leaps(store: Store, ms: int) -> None:
    (nominal,) = await dispatched(store)
    claims = await taken(store)
    await store.queue.sweep()
    await store.jump(ms)
    assert await store.queue.sweep() == 0
    assert (await store.queue.beat(card(), claims)).lost == frozenset()
    await store.advance(LEASE - 1000)
    assert await store.queue.sweep() == 0
    assert await state(store, nominal) is State.RUNNING
    await ended(store, *claims)


async def test_a_dead_worker_is_found_a_little_later(store: Store) -> None:
    (nominal,) = await dispatched(store)
    await taken(store)
    await store.jump(HOUR)
    assert await store.queue.sweep() == 0
    await store.advance(HOLD - 8_000)
    assert await store.queue.sweep() == 0
    await store.advance(8_001)
    assert await store.queue.sweep() == 1
    assert await state(store, nominal) is State.RETRYING


async def test_a_leap_that_is_taken_back_holds_leases_no_longer(store: Store) -> None:
    await dispatched(store)
    await taken(store)
    await store.jump(HOUR)
    assert await store.queue.sweep() == 0
    await store.jump(-HOUR)
    assert await store.queue.sweep() == 0
    await store.advance(HOLD + 1)
    assert await store.queue.sweep() == 1


async def test_retries_wait_no_longer_when_the_clock_goes_back(store: Store) -> None:
    await dispatched(store, 2)
    waiting, _ = await taken(store)
    await store.queue.finish(card(), [failure(waiting, state=State.RETRYING, retry_in=MINUTE)])
    await store.queue.sweep()
    await store.jump(-HOUR)
    assert await store.queue.sweep() == 0
    await store.advance(LEASE + 1)
    assert await store.queue.sweep() == 1  # the other's worker is dead
    await store.advance(MINUTE - LEASE)
    assert await store.queue.sweep() >= 1
    assert waiting.run in [claim.run for claim in await taken(store)]


async def test_a_clock_that_was_put_right_by_a_little_moves_nothing(store: Store) -> None:
    await dispatched(store)
    await taken(store)
    await store.queue.sweep()
    await store.jump(-1000)
    await store.queue.sweep()
    await store.advance(LEASE - 1)
    assert await store.queue.sweep() == 0


async def test_backfills_wait_no_longer_when_the_clock_goes_back(store: Store) -> None:
    await adopted(store)
    await store.requests.create_backfill(Backfill("b1", UID, "", 1, 9, 0, MINUTE, 9, 9))
    found = await store.requests.backfill("b1")
    assert found
    await store.requests.step_backfill(EPOCH, found, 1)
    await store.jump(-HOUR)
    await store.queue.sweep()
    assert await store.requests.backfills_due() == []
    await store.advance(MINUTE + 1000)
    assert len(await store.requests.backfills_due()) == 1


async def test_no_instant_runs_twice_when_the_clock_goes_back(store: Store) -> None:
    await adopted(store, keep_good=0)
    ran = await more(store, 3)
    await ended(store, *await taken(store))
    assert await store.records.get(rid(ran[-1])) is None
    await store.queue.sweep()
    await store.jump(-HOUR)
    told = (await job(store)).seq
    begin = store.now()
    cursor = await set_back(store)
    assert begin <= cursor <= store.now()
    # the status said that nothing is due for an hour
    assert (await job(store)).seq == told + 1
    await store.jump(HOUR)
    before = await job(store)
    assert await fired(store, ran[0] - 1000, *ran, ran[-1] + 1, ran[-1] + 1000) == [ran[-1] + 1, ran[-1] + 1000]
    known = await job(store)
    assert (known.skipped, known.last_schedule) == ({}, ran[-1] + 1000)
    assert before.last_schedule == ran[-1]


async def test_a_record_that_is_still_there_is_left_alone(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await taken(store)
    await store.jump(-HOUR)
    await set_back(store)
    await store.jump(HOUR)
    assert await fired(store, nominal) == []
    assert await state(store, nominal) is State.RUNNING
    await ended(store, claim)
    assert (await job(store)).runs == {"success": 1}


async def test_a_cursor_a_little_ahead_is_left_alone(store: Store) -> None:
    await adopted(store)
    (nominal,) = await more(store)
    await store.jump(-MINUTE + 10_000)
    assert await store.ledger.dispatch(EPOCH, [dispatch(nominal, nominal + 1000)]) == [(Verdict.EARLY, 0)]


async def test_an_hour_that_was_only_leapt_over_is_run_when_it_comes(store: Store) -> None:
    begin = store.now()
    await adopted(store, cursor=begin, keep_good=0)
    await store.jump(HOUR)
    caught_up = begin + HOUR // 2
    leap = store.now()
    # the first dispatch after the leap sees it first
    assert await fired(store, caught_up) == [caught_up]
    await store.jump(10_000)
    assert await fired(store, leap + 9000) == [leap + 9000]
    await store.jump(-HOUR)
    cursor = await set_back(store)
    await store.jump(20_000)
    assert await fired(store, cursor + 1000, cursor + 2000) == [cursor + 1000, cursor + 2000]
    await store.jump(HOUR)
    instants = caught_up - 1, caught_up, caught_up + 1, leap + 9000, leap + 9001
    assert await fired(store, *instants) == [caught_up - 1, caught_up + 1, leap + 9001]


async def test_a_clock_that_goes_back_twice_runs_nothing_twice(store: Store) -> None:
    begin = store.now()
    await adopted(store, cursor=begin - 3 * HOUR, keep_good=0)
    first = await fired(store, begin - 3000, begin - 1000)
    await store.queue.sweep()
    await store.jump(-HOUR)
    await set_back(store)
    await store.jump(1800_000)
    again = await fired(store, begin - HOUR + 1000, begin - HOUR + 2000)
    assert again == []  # it had passed them before
    await store.jump(-HOUR)
    await set_back(store)
    await store.jump(2 * HOUR)
    assert await fired(store, begin - HOUR + 1000, *first, begin, begin + 1000) == [begin, begin + 1000]


async def test_another_schedule_forgets_what_ran(store: Store) -> None:
    await adopted(store, keep_good=0)
    (nominal,) = await more(store)
    await ended(store, *await taken(store))
    await store.jump(-HOUR)
    expect = Expect(1, adoption().revision, await set_back(store))
    await adopted(store, generation=2, when='{"every":7000}', expect=expect)
    await store.jump(HOUR)
    assert await fired(store, nominal) == [nominal]


async def test_a_pause_is_told_to_have_ended_also_when_the_clock_went_back(store: Store) -> None:
    await adopted(store)
    until = store.now() + MINUTE
    await store.requests.pause([UID], "somebody", "", until)
    await store.queue.sweep()
    await store.jump(-HOUR)
    seq = (await job(store)).seq
    await store.queue.sweep()
    await store.jump(2 * MINUTE)
    await store.queue.sweep()
    assert (await job(store)).seq == seq  # by this clock it has not ended
    await store.jump(HOUR)
    await store.queue.sweep()
    assert (await job(store)).seq == seq + 1


async def test_a_replica_that_died_before_the_clock_went_back_is_not_alive_for_an_hour(store: Store) -> None:
    await store.ledger.beat("replica-2")
    await store.jump(-HOUR)
    await store.ledger.beat("replica-1")
    assert set((await store.ledger.beat("replica-1")).replicas) == {"replica-1"}


async def test_a_lost_store_opens_though_the_clock_goes_back(store: Store) -> None:
    await store.wipe()
    await store.ledger.beat("replica-1", "begin")
    await store.jump(-HOUR)
    assert (await store.ledger.beat("replica-1", "ready", "new")).epoch == ""
    await store.jump(2000)
    assert (await store.ledger.beat("replica-1", "ready", "new")).epoch == "new"


async def test_a_handed_over_run_is_not_lost_when_the_clock_leaps(store: Store) -> None:
    (nominal,) = await dispatched(store, work_fields={"retry": Retry(limit=0)})
    (claim,) = await taken(store)
    await store.queue.beat(card("worker-2"), [])
    assert await store.queue.hand_over(card(), claim, "worker-2")
    await store.jump(HOUR)
    await store.queue.sweep()
    claims = await store.queue.take_pending(card("worker-2"), "default", 10) + await taken(store, consumer="worker-2")
    assert [claim.nominal for claim in claims] == [nominal]
    await ended(store, *claims)
    assert (await job(store)).runs == {"success": 1}
