"""Skipping instants that lie ahead, and taking that back."""

import pytest

from builders import UID, adoption, dispatch
from contract.acts import adopted, job, more, rid, taken
from contract.stores import EPOCH, Store
from kronstream.domain.run import Skip
from kronstream.ports import Change, Expect, Verdict

pytestmark = pytest.mark.anyio


async def test_a_skipped_instant_makes_no_run_and_is_counted_once(store: Store) -> None:
    cursor = await adopted(store)
    at = cursor + 2000
    seq = (await job(store)).seq
    assert await store.requests.skip(UID, [at]) is Change.OK
    assert await store.requests.skip(UID, [at]) is Change.SAME
    known = await job(store)
    assert (known.skip_next, known.seq) == ((at,), seq + 1)
    first = dispatch(cursor, cursor + 1000, at, at + 1000)
    assert await store.ledger.dispatch(EPOCH, [first]) == [(Verdict.OK, 0)]
    assert await store.ledger.dispatch(EPOCH, [first]) == [(Verdict.CURSOR, at + 1000)]
    known = await job(store)
    assert (known.skipped, known.runs, known.skip_next) == ({"Requested": 1}, {"skipped": 1}, ())
    assert known.last_skip
    assert (known.last_skip.reason, known.last_skip.first) == (Skip.REQUESTED, at)
    assert [claim.run for claim in await taken(store)] == [rid(cursor + 1000), rid(at + 1000)]


async def test_one_of_several_is_taken_back(store: Store) -> None:
    cursor = await adopted(store)
    first, second, third = (cursor + 1000 * number for number in (1, 2, 3))
    assert await store.requests.skip(UID, [third, first, second]) is Change.OK
    assert (await job(store)).skip_next == (first, second, third)
    assert await store.requests.skip(UID, [second, third + 1], undo=True) is Change.OK
    assert await store.requests.skip(UID, [second], undo=True) is Change.SAME
    await more(store, 3)
    assert [claim.nominal for claim in await taken(store)] == [second]


async def test_what_passed_cannot_be_skipped(store: Store) -> None:
    cursor = await adopted(store)
    assert await store.requests.skip(UID, [cursor + 1, cursor]) is Change.PAST
    assert (await job(store)).skip_next == ()
    assert await store.requests.skip(UID, [cursor], undo=True) is Change.SAME
    assert await store.requests.skip("unknown", [cursor + 1]) is Change.GONE


async def test_there_is_a_bound_and_what_passed_makes_room(store: Store) -> None:
    cursor = await adopted(store)
    wanted = [cursor + 500 + 1000 * number for number in range(20)]
    assert await store.requests.skip(UID, wanted) is Change.OK
    assert await store.requests.skip(UID, [cursor + 900]) is Change.FULL
    assert (await job(store)).skip_next == tuple(wanted)
    await more(store)  # passes over the first, which is no instant of the schedule
    assert (await job(store)).skip_next == tuple(wanted[1:])
    assert await store.requests.skip(UID, [wanted[-1] + 1]) is Change.OK


async def test_another_schedule_forgets_them_and_any_other_edit_does_not(store: Store) -> None:
    cursor = await adopted(store)
    ahead = store.now() + 60_000
    await store.requests.skip(UID, [ahead])
    await store.ledger.adopt([adoption(generation=2, backlog=5)])
    assert (await job(store)).skip_next == (ahead,)
    expect = Expect(2, adoption().revision, cursor)
    await store.ledger.adopt([adoption(generation=3, when='{"every":2000}', expect=expect)])
    assert (await job(store)).skip_next == ()
