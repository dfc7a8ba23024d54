"""From adoption to a record: what every store must do with a run."""

import pytest

from builders import UID, adoption, card, dispatch, success
from contract.acts import adopted, dispatched, failure, job, record, rid, state
from contract.stores import LEASE, Store
from kronstream.domain.plan import Skipped
from kronstream.domain.retry import Retry
from kronstream.domain.run import Lane, Skip, State
from kronstream.ports import Before, Epoch, Failure, Verdict

pytestmark = pytest.mark.anyio


async def test_a_due_run_is_taken_finished_and_recorded(store: Store) -> None:
    (nominal,) = await dispatched(store)
    assert await state(store, nominal) is State.QUEUED
    (claim,) = await store.queue.take(card(), "default", 10)
    assert (claim.run, claim.attempt, claim.nominal, claim.work.function) == (rid(nominal), 1, nominal, "echo")
    assert await state(store, nominal) is State.RUNNING
    assert await store.queue.finish(card(), [success(claim, output="said")]) == [True]
    found = await record(store, nominal)
    assert (found.state, found.result, found.output, found.worker) == (
        State.SUCCESS,
        {"ok": True},
        "said",
        "worker-1",
    )
    known = await job(store)
    assert (known.active, known.unfinished, known.runs) == (0, (), {"success": 1})
    assert known.last is not None
    assert (known.last.id, known.last.state, known.last_schedule, known.average_duration) == (
        claim.run,
        "success",
        nominal,
        5,
    )
    assert await store.queue.take(card(), "default", 10) == []


async def test_the_result_of_a_run_can_be_read_by_its_id(store: Store) -> None:
    await dispatched(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    assert await store.queue.result(claim.run) is None
    assert await store.queue.finish(card(), [success(claim, result='{"rows":7}')]) == [True]
    assert await store.queue.result(claim.run) == '{"rows":7}'
    assert await store.queue.result("no-s1") is None


async def test_dispatch_is_fenced_by_the_cursor(store: Store) -> None:
    cursor = await adopted(store)
    first = dispatch(cursor, cursor + 1000)
    assert await store.ledger.dispatch("epoch-1", [first]) == [(Verdict.OK, 0)]
    assert await store.ledger.dispatch("epoch-1", [first]) == [(Verdict.CURSOR, cursor + 1000)]
    assert len(await store.queue.take(card(), "default", 10)) == 1


async def test_dispatch_is_fenced_by_generation_and_revision(store: Store) -> None:
    cursor = await adopted(store, generation=3)
    answers = await store.ledger.dispatch(
        "epoch-1",
        [
            dispatch(cursor, cursor + 1000, generation=2),
            dispatch(cursor, cursor + 1000, generation=4),
            dispatch(cursor, cursor + 1000, generation=3, revision="0000.x"),
            dispatch(cursor, cursor + 1000, uid="unknown"),
        ],
    )
    assert answers == [(Verdict.STALE, 3), (Verdict.BEHIND, 0), (Verdict.STALE, 3), (Verdict.GONE, 0)]
    assert await store.queue.take(card(), "default", 10) == []


async def test_nothing_is_dispatched_early_or_into_a_lost_store(store: Store) -> None:
    cursor = await adopted(store, cursor=store.now())
    ahead = store.now() + 5000
    assert await store.ledger.dispatch("epoch-1", [dispatch(cursor, ahead)]) == [(Verdict.EARLY, 0)]
    with pytest.raises(Epoch):
        await store.ledger.dispatch("another", [dispatch(cursor, cursor + 1)])


@pytest.mark.parametrize("held", ["suspended", "invalid"])
async def test_a_held_job_is_not_dispatched(store: Store, held: str) -> None:
    cursor = await adopted(store, **{held: True})
    assert await store.ledger.dispatch("epoch-1", [dispatch(cursor, cursor + 1000)]) == [(Verdict.HELD, 0)]


async def test_a_cursor_far_ahead_is_set_back(store: Store) -> None:
    cursor = await adopted(store, cursor=store.now() + 3_600_000)
    begin = store.now()
    ((verdict, stored),) = await store.ledger.dispatch("epoch-1", [dispatch(cursor, cursor + 1000)])
    assert verdict is Verdict.CURSOR
    assert begin <= stored <= store.now()


async def test_skips_are_counted_by_reason(store: Store) -> None:
    cursor = await adopted(store)
    skips = (Skipped(Skip.MISSED, 7, cursor + 1, cursor + 7),)
    await store.ledger.dispatch("epoch-1", [dispatch(cursor, to=cursor + 7, skips=skips)])
    known = await job(store)
    assert (known.skipped, known.runs, known.last_skip, known.cursor) == (
        {"Missed": 7},
        {"skipped": 7},
        skips[0],
        cursor + 7,
    )


async def test_lanes_are_read_from_critical_to_low(store: Store) -> None:
    for lane in Lane:
        uid = f"job-{lane.value}"
        (answer,) = await store.ledger.adopt([adoption(uid, lane=lane)])
        await store.ledger.dispatch("epoch-1", [dispatch(answer.cursor, answer.cursor + 1000, uid=uid)])  # type: ignore[union-attr]
    claims = await store.queue.take(card(), "default", 3) + await store.queue.take(card(), "default", 3)
    assert [claim.lane for claim in claims] == list(Lane)


async def test_queues_are_apart(store: Store) -> None:
    await dispatched(store, queue="gpu")
    assert await store.queue.take(card(), "default", 10) == []
    assert len(await store.queue.take(card(queues={"gpu": 10}), "gpu", 10)) == 1


async def test_a_failed_attempt_is_retried_and_then_final(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    assert await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=0)]) == [True]
    assert await state(store, nominal) is State.RETRYING
    assert await store.queue.sweep() == 1
    (again,) = await store.queue.take(card(), "default", 10)
    assert (again.run, again.attempt) == (claim.run, 2)
    await store.queue.finish(card(), [failure(again)])
    known = await job(store)
    assert (known.runs, known.consecutive_failures) == ({"failed": 1}, 1)
    assert known.last is not None
    assert known.last.message == "no"


async def test_a_retry_is_not_early(store: Store) -> None:
    await dispatched(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=60_000)])
    assert await store.queue.sweep() == 0


async def test_finish_is_safe_to_repeat_and_fenced_by_the_token(store: Store) -> None:
    await dispatched(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    assert await store.queue.finish(card(), [success(claim, token="stolen")]) == [False]
    assert await store.queue.finish(card(), [success(claim)]) == [True]
    assert await store.queue.finish(card(), [success(claim)]) == [True]
    assert await store.queue.finish(card(), [failure(claim, token="other")]) == [False]
    known = await job(store)
    assert known.runs == {"success": 1}


async def test_a_lost_reply_of_take_is_answered_again(store: Store) -> None:
    await dispatched(store, 2)
    lost = await store.queue.take(card(), "default", 10)
    assert await store.queue.take_pending(card(), "default", 10, held=[lost[0].run]) == [lost[1]]
    assert await store.queue.take_pending(card(incarnation="new"), "default", 10) == []


async def test_a_dead_workers_run_is_retried_then_failed(store: Store) -> None:
    (nominal,) = await dispatched(store, work_fields={"retry": Retry(limit=1, initial=0)})
    for attempt in (1, 2):
        (claim,) = await store.queue.take(card(), "default", 10)
        assert claim.attempt == attempt
        assert await store.queue.sweep() == 0
        await store.advance(LEASE + 1)
        assert await store.queue.sweep() == 1  # the lease ended
        assert await store.queue.sweep() == (1 if attempt == 1 else 0)  # the retry is due
    found = await record(store, nominal)
    assert (found.state, found.reason) == (State.FAILED, "worker_lost")
    assert found.error
    assert "worker-1" in found.error["message"]
    assert await store.queue.finish(card(), [success(claim)]) == [False]
    assert (await job(store)).runs == {"failed": 1}


async def test_a_beat_keeps_the_lease(store: Store) -> None:
    await dispatched(store)
    claims = await store.queue.take(card(), "default", 10)
    for _ in range(3):
        await store.advance(LEASE - 1000)
        assert not (await store.queue.beat(card(), claims)).lost
        assert await store.queue.sweep() == 0
    await store.advance(LEASE + 1)
    assert await store.queue.sweep() == 1
    assert (await store.queue.beat(card(), claims)).lost == {claims[0].run}


async def test_released_runs_consume_no_attempt(store: Store) -> None:
    await dispatched(store)
    claims = await store.queue.take(card(), "default", 10)
    await store.queue.release(card(), claims)
    (again,) = await store.queue.take(card("worker-2"), "default", 10)
    assert (again.attempt, again.deliveries) == (1, 2)
    assert (await store.queue.beat(card(), claims)).lost == {again.run}


async def test_a_run_is_handed_to_another_worker(store: Store) -> None:
    await dispatched(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    assert not await store.queue.hand_over(card(), claim, "worker-2")
    await store.queue.beat(card("worker-2"), [])
    assert await store.queue.hand_over(card(), claim, "worker-2")
    assert await store.queue.take(card(), "default", 10) == []
    assert (await store.queue.beat(card("worker-2"), [])).handed
    (again,) = await store.queue.take_pending(card("worker-2"), "default", 10)
    assert (again.run, again.attempt) == (claim.run, 1)
    assert not (await store.queue.beat(card("worker-2"), [again])).handed


async def test_history_is_bounded(store: Store) -> None:
    instants = await dispatched(store, 5, keep_good=2)
    for claim in await store.queue.take(card(), "default", 10):
        await store.queue.finish(card(), [success(claim)])
    kept = [await store.records.get(rid(nominal)) is not None for nominal in instants]
    assert kept == [False, False, False, True, True]


async def test_a_deadline_that_passed_skips_the_run(store: Store) -> None:
    (nominal,) = await dispatched(store, starting_deadline=100)
    assert await store.queue.take(card(), "default", 10) == []
    found = await record(store, nominal)
    assert (found.state, found.reason) == (State.SKIPPED, "deadline")
    assert (await job(store)).skipped == {"Deadline": 1}


async def test_marks_of_statuses_are_taken_back(store: Store) -> None:
    await dispatched(store)
    known = await job(store)
    assert await store.ledger.dirty() == (0, [UID])
    await store.ledger.clean([(UID, known.seq - 1)])
    assert await store.ledger.dirty() == (0, [UID])
    await store.ledger.clean([(UID, known.seq)])
    assert await store.ledger.dirty() == (0, [])


async def test_records_of_a_job_are_listed_newest_first(store: Store) -> None:
    first, second, third = await dispatched(store, 3)
    good, bad = await store.queue.take(card(), "default", 2)
    await store.queue.finish(card(), [success(good), failure(bad)])
    found = await store.records.of_job(UID)
    assert {(run.nominal, run.state) for run in found} == {
        (first, State.SUCCESS),
        (second, State.FAILED),
        (third, State.QUEUED),
    }
    assert len(await store.records.of_job(UID, 2)) == 2
    assert await store.records.of_job("unknown") == []
    assert await store.records.get("unknown-s1") is None


async def test_a_failed_run_is_told_from_its_record(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.finish(card(), [failure(claim, output="said", duration=12)])
    found = await record(store, nominal)
    assert (found.state, found.reason, found.duration, found.output, found.result) == (
        State.FAILED,
        "error",
        12,
        "said",
        None,
    )
    assert found.error == {"type": "ValueError", "message": "no", "traceback": ""}
    assert found.started is not None
    assert found.finished is not None
    assert found.dispatched <= found.started <= found.finished


async def test_what_is_not_unicode_is_replaced(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await store.queue.take(card(), "default", 10)
    broken = Failure("Error", "half \ud800 a pair")
    await store.queue.finish(card(), [failure(claim, failure=broken, output="\udcff")])
    found = await record(store, nominal)
    assert found.error == {"type": "Error", "message": "half ? a pair", "traceback": ""}
    assert found.output == "?"
    known = await job(store)
    assert known.last is not None
    assert known.last.message == "half ? a pair"


async def test_the_run_before_is_told_without_the_whole_job(store: Store) -> None:
    await dispatched(store)
    assert await store.ledger.lasts([UID, "unknown"]) == [Before(None, 0), Before(None, 0)]
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.finish(card(), [failure(claim)])
    known = await job(store)
    assert await store.ledger.lasts([UID]) == [Before(known.last, 1)]
    assert known.last
    assert known.last.state == "failed"
