"""Jobs that end after so many runs or successes."""

import pytest

from builders import adoption, card, dispatch
from contract.acts import adopted, ask, dispatched, ended, failure, job, more, taken
from contract.stores import EPOCH, Store
from kronstream.domain.plan import Skipped
from kronstream.domain.retry import Retry
from kronstream.domain.run import Skip
from kronstream.ports import Adopted, Expect, Seed, Verdict, Word

pytestmark = pytest.mark.anyio


async def test_a_job_ends_after_so_many_runs(store: Store) -> None:
    instants = await dispatched(store, 5, end_runs=3)
    claims = await taken(store)
    assert [claim.nominal for claim in claims] == instants[:3]
    known = await job(store)
    assert (known.ended, known.skipped, known.cursor) == (True, {}, instants[-1])
    again = dispatch(known.cursor, known.cursor + 1000)
    assert await store.ledger.dispatch(EPOCH, [again]) == [(Verdict.ENDED, 0)]
    await ended(store, *claims)
    assert (await job(store)).seq > known.seq
    assert await store.ledger.dispatch(EPOCH, [again]) == [(Verdict.ENDED, 0)]


async def test_it_is_told_with_the_last_dispatch(store: Store) -> None:
    await dispatched(store, 1, end_runs=2)
    assert not (await job(store)).ended
    await more(store)
    assert (await job(store)).ended


async def test_skipped_instants_are_no_runs(store: Store) -> None:
    cursor = await adopted(store, end_runs=2, policy="Forbid")
    item = dispatch(cursor, cursor + 1000, cursor + 2000, skips=(Skipped(Skip.MISSED, 4, cursor, cursor),))
    await store.ledger.dispatch(EPOCH, [item])
    known = await job(store)
    assert (known.ended, known.skipped) == (False, {"Missed": 4, "Overlap": 1})


async def test_a_run_that_never_starts_is_no_run_either(store: Store) -> None:
    instants = await dispatched(store, 2, end_runs=2, starting_deadline=30_000)
    (claim,) = await taken(store, 1)
    await store.advance(40_000)
    begin = store.now()
    assert await taken(store) == []
    known = await job(store)
    assert (known.ended, known.skipped) == (False, {"Deadline": 1})
    # what passed meanwhile was none of its instants
    assert begin <= known.cursor <= store.now()
    await store.ledger.dispatch(EPOCH, [dispatch(known.cursor, known.cursor + 1, known.cursor + 2)])
    assert [again.nominal for again in await taken(store)] == [known.cursor + 1]
    assert (await job(store)).ended
    assert claim.nominal == instants[0]


async def test_a_job_ends_after_so_many_successes(store: Store) -> None:
    await dispatched(store, 3, end_successes=2, work_fields={"retry": Retry(limit=0)})
    first, second, third = await taken(store)
    await store.queue.finish(card(), [failure(first)])
    await ended(store, second)
    assert not (await job(store)).ended
    await more(store)
    await ended(store, third)
    known = await job(store)
    assert known.ended
    again = dispatch(known.cursor, known.cursor + 1000)
    assert await store.ledger.dispatch(EPOCH, [again]) == [(Verdict.ENDED, 0)]


async def test_an_edit_decides_anew(store: Store) -> None:
    await dispatched(store, 2, end_runs=2)
    await store.ledger.adopt([adoption(generation=2, end_runs=3)])
    assert not (await job(store)).ended
    await more(store, generation=2)
    await store.ledger.adopt([adoption(generation=3, end_runs=1)])
    assert (await job(store)).ended


async def test_an_ended_job_still_runs_when_it_is_asked_to(store: Store) -> None:
    await dispatched(store, end_runs=1)
    assert await ask(store) == (Word.STARTED, "")


async def test_runs_that_were_asked_for_count(store: Store) -> None:
    await adopted(store, end_runs=1)
    await ask(store)
    known = await job(store)
    assert await store.ledger.dispatch(EPOCH, [dispatch(known.cursor, known.cursor + 1000)]) == [(Verdict.ENDED, 0)]
    assert (await job(store)).ended


async def test_a_lost_store_knows_it_from_the_status(store: Store) -> None:
    await store.ledger.adopt([adoption(end_runs=5, seed=Seed({"n:success": "3", "n:failed": "2"}))])
    assert (await job(store)).ended
    await store.ledger.adopt([adoption("another", end_successes=4, seed=Seed({"n:success": "3"}))])
    assert not (await job(store, "another")).ended


async def test_what_an_edit_passes_over_after_the_end_is_not_counted(store: Store) -> None:
    (nominal,) = await dispatched(store, end_runs=1)
    await store.ledger.adopt([adoption(generation=2, suspended=True, end_runs=1)])
    skips = (Skipped(Skip.SUSPENDED, 3, nominal + 1000, nominal + 3000),)
    expect = Expect(2, adoption().revision, nominal)
    (answer,) = await store.ledger.adopt([adoption(generation=3, end_runs=2, skips=skips, expect=expect)])
    assert isinstance(answer, Adopted)
    assert answer.cursor > nominal
    known = await job(store)
    assert (known.skipped, known.ended) == ({}, False)
