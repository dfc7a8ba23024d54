"""What a store that was lost, or went back to an older copy, is told again."""

import pytest

from builders import UID, adoption, card, dispatch, success
from contract.acts import adopted, dispatched, failure, job, more, record, rid, state
from contract.stores import EPOCH, LEASE, Store
from kronstream.domain.retry import Retry
from kronstream.domain.run import State
from kronstream.ports import Epoch, Seed, Verdict

pytestmark = pytest.mark.anyio

REGISTERING = 3000  # workers have this long to say which runs they hold


async def beat(store: Store, replica: str = "replica-1", phase: str = "beat", candidate: str = "new") -> str:
    return (await store.ledger.beat(replica, phase, candidate)).epoch


async def test_a_beat_tells_the_clock_the_epoch_and_who_else_lives(store: Store) -> None:
    begin = store.now()
    await store.ledger.beat("replica-2")
    answer = await store.ledger.beat("replica-1")
    assert answer.epoch == EPOCH
    assert begin <= answer.now <= store.now()
    assert answer.micros // 1000 == answer.now
    assert set(answer.replicas) == {"replica-1", "replica-2"}
    assert begin <= answer.replicas["replica-2"] <= answer.replicas["replica-1"] <= answer.now


async def test_a_replica_that_leaves_is_not_heard_of_again(store: Store) -> None:
    await store.ledger.beat("replica-2")
    await store.ledger.beat("replica-2", "leave")
    assert set((await store.ledger.beat("replica-1")).replicas) == {"replica-1"}


async def test_the_last_replica_that_leaves_is_told_that_nobody_is_left(store: Store) -> None:
    for name in ("replica-1", "replica-2"):
        await store.ledger.beat(name)
    assert set((await store.ledger.beat("replica-1", "leave")).replicas) == {"replica-2"}
    assert not (await store.ledger.beat("replica-2", "leave")).replicas


async def test_a_replica_that_joins_is_not_waited_for(store: Store) -> None:
    await store.ledger.beat("replica-1")
    assert set((await store.ledger.beat("replica-2", "join")).replicas) == {"replica-1"}
    await store.wipe()
    await beat(store, phase="begin")
    await beat(store, "replica-2", "join")
    await store.advance(1001)
    assert await beat(store, phase="ready") == "new"


async def test_a_replica_long_silent_is_dropped(store: Store) -> None:
    await store.ledger.beat("replica-2")
    await store.advance(60_001)
    await store.ledger.beat("replica-1")
    assert set((await store.ledger.beat("replica-1")).replicas) == {"replica-1"}


async def test_pulses_grow_and_fall_only_with_a_restored_copy(store: Store) -> None:
    pulses = [(await store.ledger.beat(name)).pulse for name in ("replica-1", "replica-2", "replica-1")]
    copy = await store.snapshot()
    pulses.append((await store.ledger.beat("replica-1")).pulse)
    assert pulses == sorted(set(pulses))
    await store.restore(copy)
    assert (await store.ledger.beat("replica-1")).pulse <= pulses[-1]


async def test_a_lost_store_is_known_by_its_epoch(store: Store) -> None:
    cursor = await adopted(store)
    await store.wipe()
    assert await beat(store) == ""
    with pytest.raises(Epoch):
        await store.ledger.dispatch(EPOCH, [dispatch(cursor, cursor + 1)])
    with pytest.raises(Epoch):
        await store.ledger.dispatch("", [dispatch(cursor, cursor + 1)])


async def test_one_replica_opens_a_new_epoch_after_a_second(store: Store) -> None:
    await store.wipe()
    assert await beat(store, phase="begin") == ""
    assert await beat(store, phase="ready") == ""
    await store.advance(1000)
    assert await beat(store) == ""
    assert await beat(store, phase="ready") == "new"
    assert await beat(store, phase="ready", candidate="newer") == "new"
    cursor = await adopted(store)
    with pytest.raises(Epoch):
        await store.ledger.dispatch(EPOCH, [dispatch(cursor, cursor + 1)])
    assert await store.ledger.dispatch("new", [dispatch(cursor, cursor + 1)]) == [(Verdict.OK, 0)]


async def test_the_last_of_two_replicas_opens_the_epoch(store: Store) -> None:
    await store.wipe()
    await beat(store, "replica-1", "begin")
    await store.advance(1000)
    await beat(store, "replica-2", "begin")
    assert await beat(store, "replica-1", "ready") == ""
    assert await beat(store, "replica-2", "ready", "of-2") == "of-2"
    assert await beat(store, "replica-1", "ready") == "of-2"


async def test_a_dead_replica_is_not_waited_for(store: Store) -> None:
    await store.wipe()
    await beat(store, "replica-2", "begin")
    await store.advance(1000)  # silent for longer than a replica may be
    assert await beat(store, "replica-1", "ready") == "new"


async def test_a_replica_that_never_gets_ready_is_waited_for_30_seconds(store: Store) -> None:
    await store.wipe()
    await beat(store, "replica-1", "ready")
    await store.advance(20_000)
    await beat(store, "replica-2")
    assert await beat(store, "replica-1", "ready") == ""
    await store.advance(10_001)
    await beat(store, "replica-2")
    assert await beat(store, "replica-1", "ready") == "new"


async def test_unfinished_runs_come_back_under_their_id(store: Store) -> None:
    (nominal,) = await dispatched(store)
    await store.wipe()
    await adopted(store, generation=2, seed=Seed({"n:success": "7"}, (rid(nominal), "not-a-run")))
    known = await job(store)
    assert (known.unfinished, known.runs) == ((rid(nominal),), {"success": 7})
    assert await store.queue.sweep() == 0
    assert await store.queue.take(card(), "default", 10) == []
    await store.advance(REGISTERING)
    assert await store.queue.sweep() == 1
    (claim,) = await store.queue.take(card(), "default", 10)
    assert (claim.run, claim.nominal, claim.generation, claim.attempt) == (rid(nominal), nominal, 2, 1)
    await store.queue.finish(card(), [success(claim)])
    assert (await job(store)).runs == {"success": 8}


async def test_a_worker_that_still_holds_an_unfinished_run_keeps_it(store: Store) -> None:
    (nominal,) = await dispatched(store)
    claims = await store.queue.take(card(), "default", 10)
    await store.wipe()
    assert (await store.queue.beat(card(), claims)).lost == frozenset()  # its job is not known yet
    await adopted(store, seed=Seed({}, (rid(nominal),)))
    assert (await store.queue.beat(card(), claims)).lost == frozenset()
    await store.advance(REGISTERING)
    assert await store.queue.sweep() == 0
    found = await record(store, nominal)
    assert (found.state, found.attempt, found.worker) == (State.RUNNING, 1, "worker-1")
    assert (await job(store)).active == 1
    assert await store.queue.finish(card(), claims and [success(claims[0])]) == [True]
    assert (await job(store)).runs == {"success": 1}


async def test_a_finish_may_come_before_the_first_beat(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.wipe()
    await adopted(store, seed=Seed({}, (rid(nominal),)))
    assert await store.queue.finish(card(), [success(claim)]) == [True]
    assert await store.queue.finish(card(), [success(claim)]) == [True]
    await store.advance(REGISTERING)
    assert await store.queue.sweep() == 0
    known = await job(store)
    assert (known.runs, known.active) == ({"success": 1}, 0)


async def test_a_finish_of_a_run_that_no_status_listed_is_recorded(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.wipe()
    with pytest.raises(Epoch):  # its job is not known yet
        await store.queue.finish(card(), [success(claim)])
    await adopted(store, cursor=nominal)
    assert await store.queue.finish(card(), [success(claim)]) == [True]
    assert await state(store, nominal) is State.SUCCESS
    assert await store.queue.finish(card(), [success(claim)]) == [True]
    assert (await job(store)).runs == {"success": 1}


async def test_a_run_whose_job_is_unknown_to_a_store_that_was_filled_again_is_lost(store: Store) -> None:
    await dispatched(store)
    claims = await store.queue.take(card(), "default", 10)
    await store.wipe()
    await beat(store, phase="begin")
    await store.advance(1000)
    assert await beat(store, phase="ready") == "new"
    assert (await store.queue.beat(card(), claims)).lost == {claims[0].run}
    assert await store.queue.finish(card(), [success(claims[0])]) == [False]


async def test_ends_of_known_and_unknown_jobs_are_recorded_together_or_not_at_all(store: Store) -> None:
    await dispatched(store)
    await dispatched(store, uid="other")
    claims = await store.queue.take(card(), "default", 10)
    await store.wipe()
    await adopted(store, seed=Seed({}, (rid(claims[0].nominal),)))
    with pytest.raises(Epoch):
        await store.queue.finish(card(), [success(claim) for claim in claims])
    assert (await job(store)).runs == {}


async def test_a_failed_run_that_no_status_listed_is_tried_again(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.wipe()
    await adopted(store, cursor=nominal)
    assert await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=0)]) == [True]
    known = await job(store)
    assert (known.active, known.unfinished) == (1, (rid(nominal),))
    assert await store.queue.sweep() == 1
    (again,) = await store.queue.take(card(), "default", 10)
    assert (again.run, again.attempt) == (claim.run, 2)
    await store.queue.finish(card(), [success(again)])
    known = await job(store)
    assert (known.runs, known.active) == ({"success": 1}, 0)


@pytest.mark.parametrize("listed", [True, False])
async def test_a_generation_that_was_lost_is_tried_again_as_the_present_one(store: Store, *, listed: bool) -> None:
    (nominal,) = await dispatched(store)
    claims = await store.queue.take(card(), "default", 10)
    await store.wipe()
    await adopted(store, cursor=nominal, generation=2, seed=Seed({}, (rid(nominal),) if listed else ()))
    assert (await store.queue.beat(card(), claims)).lost == frozenset()
    assert await store.queue.finish(card(), [failure(claims[0], state=State.RETRYING, retry_in=0)]) == [True]
    assert await store.queue.sweep() == 1
    (again,) = await store.queue.take(card(), "default", 10)
    assert (again.run, again.generation, again.attempt) == (rid(nominal), 2, 2)


async def test_a_beat_registers_a_run_that_no_status_listed(store: Store) -> None:
    (nominal,) = await dispatched(store)
    claims = await store.queue.take(card(), "default", 10)
    await store.wipe()
    await adopted(store, cursor=nominal)
    assert (await store.queue.beat(card(), claims)).lost == frozenset()
    assert (await job(store)).unfinished == (rid(nominal),)
    await store.advance(LEASE + 1)
    assert await store.queue.sweep() == 1


async def test_a_beat_takes_back_a_run_that_an_older_copy_has_in_its_queue(store: Store) -> None:
    await dispatched(store)
    copy = await store.snapshot()
    claims = await store.queue.take(card(), "default", 10)
    await store.restore(copy)
    assert (await store.queue.beat(card(), claims)).lost == frozenset()
    assert await store.queue.take(card("worker-2"), "default", 10) == []
    assert await store.queue.finish(card(), [success(claims[0])]) == [True]
    assert (await job(store)).runs == {"success": 1}


async def test_a_run_younger_than_the_older_copy_is_dispatched_again_and_kept(store: Store) -> None:
    await adopted(store)
    copy = await store.snapshot()
    (nominal,) = await more(store)
    claims = await store.queue.take(card(), "default", 10)
    await store.restore(copy)
    assert (await store.queue.beat(card(), claims)).lost == frozenset()
    assert await more(store) == [nominal]  # the cursor fell too; the run is known already
    assert await store.queue.take(card("worker-2"), "default", 10) == []
    assert await store.queue.finish(card(), [success(claims[0])]) == [True]
    assert (await job(store)).runs == {"success": 1}


async def test_a_run_finished_after_the_older_copy_is_recorded_once(store: Store) -> None:
    await adopted(store)
    copy = await store.snapshot()
    (nominal,) = await more(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.restore(copy)
    assert await store.queue.finish(card(), [success(claim)]) == [True]
    assert await more(store) == [nominal]
    assert await store.queue.take(card(), "default", 10) == []
    assert (await job(store)).runs == {"success": 1}


@pytest.mark.parametrize("how", ["finish", "beat"])
async def test_a_worker_that_thaws_after_its_runs_history_ended_says_nothing_new(store: Store, how: str) -> None:
    await dispatched(store, keep_good=1, work_fields={"retry": Retry(limit=1, initial=0)})
    (frozen,) = await store.queue.take(card(), "default", 10)
    await store.advance(LEASE + 1)
    assert await store.queue.sweep() + await store.queue.sweep() == 2
    for _ in range(2):  # the second success drops the record of the first
        (claim,) = await store.queue.take(card("worker-2"), "default", 10)
        await store.queue.finish(card("worker-2"), [success(claim)])
        await more(store)
    assert await store.records.get(frozen.run) is None
    if how == "beat":
        assert (await store.queue.beat(card(), [frozen])).lost == {frozen.run}
    else:
        assert await store.queue.finish(card(), [success(frozen)]) == [False]
    known = await job(store)
    assert (known.runs, known.active) == ({"success": 2}, 1)


async def test_a_lost_reply_of_a_finish_longer_than_the_history_counts_once(store: Store) -> None:
    await dispatched(store, 5, keep_good=1)
    claims = await store.queue.take(card(), "default", 10)
    outcomes = [success(claim) for claim in claims]
    await store.queue.finish(card(), outcomes)
    await store.queue.finish(card(), outcomes)
    assert (await job(store)).runs == {"success": 5}


async def test_a_rebuilt_job_goes_on_where_it_was(store: Store) -> None:
    (nominal,) = await dispatched(store)
    await store.wipe()
    await store.advance(1000)
    await beat(store, phase="ready")
    await store.advance(1000)
    epoch = await beat(store, phase="ready")
    await store.ledger.adopt([adoption(cursor=nominal - 1000), adoption("other", cursor=nominal)])
    await store.ledger.adopt([adoption(cursor=nominal, rebuild=True)])
    assert await store.ledger.dispatch(epoch, [dispatch(nominal - 1000, nominal)]) == [(Verdict.CURSOR, nominal)]
    assert await store.ledger.dispatch(epoch, [dispatch(nominal, nominal + 1000)]) == [(Verdict.OK, 0)]
    assert [claim.run for claim in await store.queue.take(card(), "default", 10)] == [rid(nominal + 1000, UID)]
