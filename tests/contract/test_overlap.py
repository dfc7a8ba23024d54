"""What a due run does while others of its job are not finished, and how many may wait."""

import pytest

from builders import UID, adoption, card, dispatch, success
from contract.acts import dispatched, failure, job, more, record, rid, state
from contract.stores import EPOCH, LEASE, Store
from kronstream.domain.retry import Retry
from kronstream.domain.run import Skip, State
from kronstream.ports import Verdict

pytestmark = pytest.mark.anyio


async def test_allowed_runs_overlap(store: Store) -> None:
    await dispatched(store, 3)
    assert len(await store.queue.take(card(), "default", 10)) == 3
    assert (await job(store)).active == 3


@pytest.mark.parametrize("phase", ["queued", "running", "retrying"])
async def test_forbid_skips_while_a_run_is_not_finished(store: Store, phase: str) -> None:
    (first,) = await dispatched(store, policy="Forbid")
    if phase != "queued":
        (claim,) = await store.queue.take(card(), "default", 10)
    if phase == "retrying":
        await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=60_000)])
    assert await state(store, first) == phase
    (second,) = await more(store)
    known = await job(store)
    assert (known.skipped, known.runs, known.cursor) == ({"Overlap": 1}, {"skipped": 1}, second)
    assert known.last_skip
    assert (known.last_skip.reason, known.last_skip.first, known.last_skip.last) == (Skip.OVERLAP, second, second)
    assert (known.active, known.unfinished) == (1, (rid(first),))
    assert await store.records.get(rid(second)) is None


async def test_forbid_lets_the_next_go_after_the_end(store: Store) -> None:
    await dispatched(store, policy="Forbid")
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.finish(card(), [success(claim)])
    (second,) = await more(store)
    assert await state(store, second) is State.QUEUED
    assert (await job(store)).skipped == {}


async def test_of_several_due_together_forbid_lets_one_go(store: Store) -> None:
    instants = await dispatched(store, 3, policy="Forbid")
    assert [claim.nominal for claim in await store.queue.take(card(), "default", 10)] == instants[:1]
    assert (await job(store)).skipped == {"Overlap": 2}


async def test_replace_cancels_a_queued_run(store: Store) -> None:
    (first,) = await dispatched(store, policy="Replace")
    (second,) = await more(store)
    found = await record(store, first)
    assert (found.state, found.reason) == (State.CANCELLED, "replaced")
    assert [claim.nominal for claim in await store.queue.take(card(), "default", 10)] == [second]
    known = await job(store)
    assert (known.runs, known.unfinished) == ({"cancelled": 1}, (rid(second),))


async def test_replace_cancels_a_run_that_waits_for_its_retry(store: Store) -> None:
    (first,) = await dispatched(store, policy="Replace")
    (claim,) = await store.queue.take(card(), "default", 10)
    await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=60_000)])
    (second,) = await more(store)
    assert await state(store, first) is State.CANCELLED
    assert [claim.nominal for claim in await store.queue.take(card(), "default", 10)] == [second]


async def test_replace_asks_a_running_run_to_end_and_waits_for_it(store: Store) -> None:
    (first,) = await dispatched(store, policy="Replace")
    (claim,) = await store.queue.take(card(), "default", 10)
    (second,) = await more(store)
    assert await store.queue.take(card(), "default", 10) == []
    assert (await store.queue.beat(card(), [claim])).cancel == {rid(first): "replaced"}
    assert await store.queue.finish(card(), [failure(claim, state=State.CANCELLED, failure=None)]) == [True]
    found = await record(store, first)
    assert (found.state, found.reason) == (State.CANCELLED, "replaced")
    assert [claim.nominal for claim in await store.queue.take(card(), "default", 10)] == [second]


async def test_a_replaced_run_that_fails_is_not_retried(store: Store) -> None:
    (first,) = await dispatched(store, policy="Replace")
    (claim,) = await store.queue.take(card(), "default", 10)
    await more(store)
    await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=0)])
    assert (await record(store, first)).reason == "replaced"
    assert (await job(store)).runs == {"cancelled": 1}


async def test_a_replaced_run_that_succeeded_before_it_heard_is_a_success(store: Store) -> None:
    (first,) = await dispatched(store, policy="Replace")
    (claim,) = await store.queue.take(card(), "default", 10)
    (second,) = await more(store)
    await store.queue.finish(card(), [success(claim)])
    assert await state(store, first) is State.SUCCESS
    assert [claim.nominal for claim in await store.queue.take(card(), "default", 10)] == [second]


async def test_a_replacement_waits_no_longer_than_the_lease(store: Store) -> None:
    (first,) = await dispatched(store, policy="Replace", work_fields={"retry": Retry(limit=5)})
    await store.queue.take(card(), "default", 10)
    (second,) = await more(store)
    await store.advance(LEASE + 1)
    assert await store.queue.sweep() == 1
    found = await record(store, first)
    assert (found.state, found.reason) == (State.CANCELLED, "replaced")
    assert [claim.nominal for claim in await store.queue.take(card(), "default", 10)] == [second]


async def test_a_replaced_run_that_is_handed_back_ends(store: Store) -> None:
    (first,) = await dispatched(store, policy="Replace")
    claims = await store.queue.take(card(), "default", 10)
    (second,) = await more(store)
    await store.queue.release(card(), claims)
    taken = await store.queue.take(card(), "default", 10) + await store.queue.take(card(), "default", 10)
    assert [claim.nominal for claim in taken] == [second]
    assert await state(store, first) is State.CANCELLED


async def test_only_one_replacement_ever_waits(store: Store) -> None:
    (first,) = await dispatched(store, policy="Replace")
    (claim,) = await store.queue.take(card(), "default", 10)
    second, third, fourth = await more(store, 3)
    for superseded in (second, third):
        found = await record(store, superseded)
        assert (found.state, found.reason) == (State.SKIPPED, "overlap")
    known = await job(store)
    assert (known.runs, known.skipped, known.active) == ({"skipped": 2}, {"Overlap": 2}, 2)
    assert set(known.unfinished) == {rid(first), rid(fourth)}
    await store.queue.finish(card(), [failure(claim, state=State.CANCELLED)])
    assert [claim.nominal for claim in await store.queue.take(card(), "default", 10)] == [fourth]


async def test_of_several_that_are_replaced_the_newest_is_shown(store: Store) -> None:
    await dispatched(store, 3)
    instants = await more(store, 2)
    await store.ledger.adopt([adoption(generation=2, policy="Replace")])
    (last,) = await more(store, generation=2)
    known = await job(store)
    assert (known.runs, known.unfinished) == ({"cancelled": 5}, (rid(last),))
    assert known.last is not None
    assert (known.last.id, known.last.state) == (rid(instants[-1]), "cancelled")


async def test_a_waiting_replacement_survives_the_recheck(store: Store) -> None:
    await dispatched(store, policy="Replace")
    (claim,) = await store.queue.take(card(), "default", 10)
    (second,) = await more(store)
    for _ in range(10):
        await store.advance(LEASE - 1000)
        await store.queue.beat(card(), [claim])
        assert await store.queue.sweep() == 0
    assert await store.queue.take(card(), "default", 10) == []
    await store.queue.finish(card(), [failure(claim, state=State.CANCELLED)])
    assert [claim.nominal for claim in await store.queue.take(card(), "default", 10)] == [second]


async def test_a_policy_that_changed_lets_the_waiting_run_go_at_once(store: Store) -> None:
    await dispatched(store, policy="Replace")
    await store.queue.take(card(), "default", 10)
    (second,) = await more(store)
    assert await store.queue.take(card(), "default", 10) == []
    await store.ledger.adopt([adoption(generation=2, policy="Allow")])
    assert [claim.nominal for claim in await store.queue.take(card(), "default", 10)] == [second]
    (third,) = await more(store, generation=2)
    assert [claim.nominal for claim in await store.queue.take(card(), "default", 10)] == [third]


async def test_unstarted_runs_are_bounded(store: Store) -> None:
    instants = await dispatched(store, 5, backlog=3)
    known = await job(store)
    assert (known.active, known.skipped, known.runs) == (3, {"Backlog": 2}, {"skipped": 2})
    assert known.cursor == instants[-1]
    assert known.last_skip
    assert known.last_skip.first == instants[-1]
    claims = await store.queue.take(card(), "default", 1)
    # a started run does not count; nor does one that waits for its retry
    await more(store)
    await store.queue.finish(card(), [failure(claims[0], state=State.RETRYING, retry_in=60_000)])
    assert (await job(store)).skipped == {"Backlog": 2}
    await more(store)
    assert (await job(store)).skipped == {"Backlog": 3}


async def test_a_run_handed_back_counts_as_unstarted_again(store: Store) -> None:
    await dispatched(store, backlog=1)
    claims = await store.queue.take(card(), "default", 1)
    await store.queue.release(card(), claims)
    await more(store)
    assert (await job(store)).skipped == {"Backlog": 1}


async def test_a_backlog_is_a_jobs_own(store: Store) -> None:
    await dispatched(store, 2, backlog=2)
    await dispatched(store, 2, uid="another", backlog=2)
    assert [(await job(store, uid)).skipped for uid in (UID, "another")] == [{}, {}]


async def test_an_overlap_is_counted_once_when_the_dispatch_is_repeated(store: Store) -> None:
    (first,) = await dispatched(store, policy="Forbid")
    again = dispatch(first, first + 1000)
    assert await store.ledger.dispatch(EPOCH, [again]) == [(Verdict.OK, 0)]
    assert await store.ledger.dispatch(EPOCH, [again]) == [(Verdict.CURSOR, first + 1000)]
    assert (await job(store)).skipped == {"Overlap": 1}
