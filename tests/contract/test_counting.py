"""What the store counts of all jobs together, by the very steps that do it."""

import pytest

from builders import card, dispatch
from contract.acts import adopted, ask, dispatched, ended, failure, taken
from contract.stores import EPOCH, Store
from kronstream.domain.plan import Skipped
from kronstream.domain.run import Reason, Skip, State
from kronstream.ports import Verdict, Word

pytestmark = pytest.mark.anyio


async def test_nothing_yet(store: Store) -> None:
    counts = await store.counting.counts()
    assert (counts.ended, counts.skipped) == ({}, {})
    assert (counts.unfinished, counts.untold, counts.dead, counts.dead_events) == (0, 0, 0, 0)


async def test_an_end_is_counted_once_whoever_repeats_it(store: Store) -> None:
    await dispatched(store, 3)
    assert (await store.counting.counts()).unfinished == 3
    first, second, third = await taken(store)
    await ended(store, first)
    await ended(store, first)
    lost = failure(second, reason=Reason.TIMEOUT)
    for _ in range(2):
        assert await store.queue.finish(card(), [lost, failure(third, state=State.RETRYING, retry_in=5_000)])
    counts = await store.counting.counts()
    assert counts.ended == {("success", ""): 1, ("failed", "timeout"): 1}
    assert (counts.unfinished, counts.untold) == (1, 1)


async def test_skips_of_plans_and_of_policies_are_counted_alike(store: Store) -> None:
    cursor = await adopted(store, policy="Forbid", max_concurrent=1)
    missed = Skipped(Skip.MISSED, 4, cursor - 9_000, cursor - 6_000)
    order = dispatch(cursor, cursor + 1_000, cursor + 2_000, skips=(missed,))
    for verdict in (Verdict.OK, Verdict.CURSOR):
        ((answer, _),) = await store.ledger.dispatch(EPOCH, [order])
        assert answer is verdict
    assert (await ask(store))[0] is Word.SKIPPED
    assert (await store.counting.counts()).skipped == {"Missed": 4, "Overlap": 2}


async def test_a_claim_tells_how_long_its_entry_stood_in_the_stream(store: Store) -> None:
    await dispatched(store)
    (claim,) = await taken(store)
    assert claim.waited is not None
    assert 0 <= claim.waited < 60_000
    (again,) = await store.queue.take_pending(card(), "default", 10)
    assert (again.token, again.waited) == (claim.token, None)
