"""Runs that somebody asks for: once for one identity, with their own payload, by the job's limits."""

from dataclasses import replace

import pytest

from builders import UID, adoption, card
from contract.acts import adopted, ask, asked, dispatched, ended, failure, job, more, rid, taken
from contract.stores import EPOCH, Store
from kronstream.domain.retry import Retry
from kronstream.domain.run import State, Trigger, run_id
from kronstream.ports import Epoch, Execution, Request, Seed, Word

pytestmark = pytest.mark.anyio

WEEK = 7 * 86_400_000
MANUAL = asked().run


async def found(store: Store, run: str = MANUAL) -> Execution:
    record = await store.records.get(run)
    assert record
    return record


async def test_a_run_that_was_asked_for_goes_at_once(store: Store) -> None:
    cursor = await adopted(store)
    before = await job(store)
    assert await ask(store, nominal=cursor + 7, trace="00-1") == (Word.STARTED, "")
    (claim,) = await taken(store)
    assert (claim.run, claim.nominal, claim.generation, claim.work.payload) == (MANUAL, cursor + 7, 1, None)
    record = await found(store)
    assert (record.trigger, record.requested_by, record.trace, record.payload) == (
        Trigger.MANUAL,
        "somebody",
        "00-1",
        None,
    )
    await ended(store, claim)
    known = await job(store)
    assert (known.cursor, known.runs, known.last_schedule) == (cursor, {"success": 1}, None)
    assert known.seq > before.seq


async def test_a_payload_of_its_own_goes_to_the_worker_at_every_attempt(store: Store) -> None:
    await adopted(store, work_fields={"payload": {"of": "job"}})
    await ask(store, payload='{"own": 1}')
    await ask(store, "2")
    claims = await taken(store)
    assert [claim.work.payload for claim in claims] == [{"own": 1}, {"of": "job"}]
    assert (await found(store)).payload == '{"own": 1}'
    await store.queue.finish(card(), [failure(claims[0], state=State.RETRYING, retry_in=0)])
    await store.queue.sweep()
    (again,) = await taken(store)
    assert again.work.payload == {"own": 1}
    # and when the reply was lost
    (same,) = await store.queue.take_pending(card(), "default", 10, [claims[1].run])
    assert replace(same, spent=again.spent) == again


@pytest.mark.parametrize("payload", ["null", "0", '""', "[]"])
async def test_an_empty_payload_is_one_too(store: Store, payload: str) -> None:
    await adopted(store, work_fields={"payload": {"of": "job"}})
    await ask(store, payload=payload)
    (claim,) = await taken(store)
    assert not claim.work.payload


async def test_a_repeated_request_is_answered_as_the_first_time(store: Store) -> None:
    await adopted(store, policy="Forbid", keep_good=0)
    assert await ask(store) == (Word.STARTED, "")
    assert await ask(store) == (Word.KNOWN, "started")
    assert await ask(store, "2") == (Word.SKIPPED, "Overlap")
    for key in ("1", "3", "4"):
        await ask(store, key)
        await ended(store, *await taken(store))
    assert await store.records.get(MANUAL) is None  # it left the history
    assert await ask(store) == (Word.KNOWN, "started")
    assert await ask(store, "2") == (Word.KNOWN, "skipped:Overlap")
    assert (await job(store)).skipped == {"Overlap": 1}
    await store.advance(WEEK - 60_000)
    assert await ask(store) == (Word.KNOWN, "started")
    await store.advance(60_001)
    assert await ask(store) == (Word.STARTED, "")


async def test_of_one_batch_each_is_answered(store: Store) -> None:
    await adopted(store, policy="Forbid")
    items = [asked(), asked(), asked("2"), asked("3", "unknown")]
    assert await store.requests.request(EPOCH, items) == [
        (Word.STARTED, ""),
        (Word.KNOWN, "started"),
        (Word.SKIPPED, "Overlap"),
        (Word.GONE, ""),
    ]
    assert await store.requests.request(EPOCH, []) == []


async def test_another_generation_is_told(store: Store) -> None:
    await adopted(store, generation=3)
    assert await ask(store, generation=2) == (Word.MOVED, "3")
    assert await ask(store, generation=3) == (Word.STARTED, "")


async def test_a_job_that_cannot_be_used_runs_nothing_and_a_suspended_one_does(store: Store) -> None:
    await adopted(store, invalid=True, when="", work=None)
    assert await ask(store) == (Word.HELD, "")
    await adopted(store, "another", suspended=True)
    assert await ask(store, "2", "another") == (Word.STARTED, "")


async def test_a_lost_store_is_known_by_its_epoch(store: Store) -> None:
    await adopted(store)
    assert await store.requests.epoch() == EPOCH
    await store.wipe()
    assert await store.requests.epoch() == ""
    for epoch in (EPOCH, ""):
        with pytest.raises(Epoch):
            await store.requests.request(epoch, [asked()])


async def test_what_is_in_force_is_told(store: Store) -> None:
    assert await store.requests.stored(UID) is None
    cursor = await adopted(store)
    known = await store.requests.stored(UID)
    assert known
    assert (known.uid, known.namespace, known.name, known.generation) == (UID, "default", "job", 1)
    assert (known.when, known.cursor, known.work) == (adoption().when, cursor, adoption().work)
    begin = store.now()
    assert begin <= await store.requests.now() <= store.now()


async def test_a_run_is_done_again_once_it_is_over(store: Store) -> None:
    (nominal,) = await dispatched(store)
    again = Request(UID, run_id(UID, Trigger.RETRY, "1"), nominal, retry_of=rid(nominal))
    assert await store.requests.request(EPOCH, [again]) == [(Word.BUSY, "queued")]
    (claim,) = await taken(store)
    assert await store.requests.request(EPOCH, [again]) == [(Word.BUSY, "running")]
    await store.queue.finish(card(), [failure(claim)])
    assert await store.requests.request(EPOCH, [again]) == [(Word.STARTED, "")]
    assert (await found(store, again.run)).retry_of == rid(nominal)
    assert [claim.run for claim in await taken(store)] == [again.run]
    unknown = replace(again, run=run_id(UID, Trigger.RETRY, "2"), retry_of="unknown")
    assert await store.requests.request(EPOCH, [unknown]) == [(Word.LOST, "")]


async def test_what_overlap_forbids_is_skipped_and_counted_once(store: Store) -> None:
    (nominal,) = await dispatched(store, policy="Forbid")
    for _ in range(2):
        await ask(store, nominal=nominal + 5)
    known = await job(store)
    assert (known.skipped, known.runs) == ({"Overlap": 1}, {"skipped": 1})
    assert known.last_skip
    assert (known.last_skip.first, known.last_skip.last) == (nominal + 5, nominal + 5)
    assert await store.records.get(MANUAL) is None


async def test_a_manual_run_replaces_too(store: Store) -> None:
    (nominal,) = await dispatched(store, policy="Replace")
    assert await ask(store) == (Word.STARTED, "")
    record = await found(store, rid(nominal))
    assert (record.state, record.reason) == (State.CANCELLED, "replaced")


async def test_a_value_of_the_annotation_runs_once(store: Store) -> None:
    await adopted(store)
    assert (await job(store)).run_now is None
    assert await ask(store, "1", value="monday") == (Word.STARTED, "")
    assert (await job(store)).run_now == "monday"
    assert await ask(store, "2", value="tuesday") == (Word.STARTED, "")
    seq = (await job(store)).seq
    assert await ask(store, "1", value="monday") == (Word.KNOWN, "started")
    known = await job(store)
    assert (known.run_now, known.seq) == ("monday", seq + 1)


async def test_a_value_that_a_status_told_does_not_run_again_in_a_lost_store(store: Store) -> None:
    await adopted(store)
    await ask(store, "1", value="monday")
    await store.wipe()
    await store.reopen()
    await adopted(store, seed=Seed({"rn": "monday"}))
    assert await ask(store, "1", value="monday") == (Word.KNOWN, "started")
    assert await taken(store) == []
    assert (await job(store)).run_now == "monday"
    assert await ask(store, "2", value="tuesday") == (Word.STARTED, "")


@pytest.mark.parametrize("how", ["finish", "beat"])
async def test_a_manual_run_that_a_worker_holds_survives_a_lost_store(store: Store, how: str) -> None:
    cursor = await adopted(store)
    await ask(store)
    claims = await taken(store)
    await store.wipe()
    await store.reopen()
    await adopted(store, cursor=cursor)
    if how == "beat":
        assert (await store.queue.beat(card(), claims)).lost == frozenset()
        assert (await found(store)).state is State.RUNNING
        assert (await job(store)).unfinished == (MANUAL,)
    else:
        await ended(store, *claims)
    # it was asked for: the same request is not another run
    assert await ask(store) == (Word.KNOWN, "started")
    assert await taken(store) == []
    if how == "beat":
        await ended(store, *claims)
    assert (await job(store)).runs == {"success": 1}


@pytest.mark.parametrize("how", ["finish", "beat", "worker lost"])
@pytest.mark.parametrize("own", [True, False])
async def test_a_payload_that_was_lost_is_not_replaced_by_the_jobs(store: Store, how: str, *, own: bool) -> None:
    cursor = await adopted(store, work_fields={"payload": {"of": "job"}})
    await ask(store, payload='{"own":1}' if own else None)
    claims = await taken(store)
    await store.wipe()
    await store.reopen()
    await adopted(store, cursor=cursor, work_fields={"payload": {"of": "job"}, "retry": Retry(limit=3, initial=0)})
    if how != "finish":
        await store.queue.beat(card(), claims)
    if how == "worker lost":
        await store.advance(10_001)
        await store.queue.sweep()
    else:
        await store.queue.finish(card(), [failure(claims[0], state=State.RETRYING, retry_in=0)])
    await store.queue.sweep()
    again = await taken(store)
    assert [claim.work.payload for claim in again] == ([] if own else [{"of": "job"}])
    assert (await found(store)).state is (State.FAILED if own else State.RUNNING)


async def test_a_worker_that_thaws_after_its_manual_run_left_the_history_says_nothing_new(store: Store) -> None:
    await adopted(store, keep_good=0, work_fields={"retry": Retry(limit=1, initial=0)})
    await ask(store)
    (frozen,) = await taken(store)
    await store.advance(10_001)
    assert await store.queue.sweep() + await store.queue.sweep() == 2
    await ended(store, *await taken(store))
    assert await store.records.get(MANUAL) is None
    assert (await store.queue.beat(card(), [frozen])).lost == {MANUAL}
    known = await job(store)
    assert (known.runs, known.active) == ({"success": 1}, 0)


async def test_a_request_leaves_nothing_without_an_end(store: Store) -> None:
    await adopted(store)
    await ask(store, payload="1")
    await store.ledger.forget([UID])
    assert (await found(store)).reason == "deleted"
    assert await store.undying(UID) == set()


async def test_asked_for_and_scheduled_runs_share_the_backlog(store: Store) -> None:
    await dispatched(store, 2, backlog=2)
    assert await ask(store) == (Word.SKIPPED, "Backlog")
    await taken(store, 1)
    assert await ask(store, "2") == (Word.STARTED, "")
    await more(store)
    assert (await job(store)).skipped == {"Backlog": 2}
