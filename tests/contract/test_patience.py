"""Who waits keeps its place and its time: in a line that a loss emptied, over a leap of the clock, within a jitter."""

import pytest

from builders import UID, adoption, dispatch
from contract.acts import adopted, dispatched, ended, job, more, rid, taken
from contract.stores import EPOCH, LEASE, Store
from kronstream.ports import Pause, Seed, Verdict

pytestmark = pytest.mark.anyio

REGISTERING = 3000
HOLD = 15_000
HOUR = 3_600_000
SHOWN = 20


async def test_a_status_tells_what_runs_first_and_then_who_waits_longest(store: Store) -> None:
    instants = await dispatched(store, 25, policy="Queue", cursor=store.now() - 60_000)
    await taken(store, 1)
    assert (await job(store)).unfinished == tuple(map(rid, instants[:SHOWN]))


@pytest.mark.parametrize("turned", [False, True], ids=["as told", "newest first"])
async def test_a_line_that_was_lost_stands_again_in_its_order(store: Store, *, turned: bool) -> None:
    instants = await dispatched(store, 4, policy="Queue")
    told = (await job(store)).unfinished
    await store.wipe()
    await store.reopen()
    # operators before this one told the newest first
    seed = Seed({}, tuple(reversed(told)) if turned else told)
    await store.ledger.adopt([adoption(cursor=instants[-1], policy="Queue", seed=seed)])
    await store.advance(REGISTERING)
    await store.queue.sweep()
    for nominal in instants:
        (claim,) = await taken(store)
        assert claim.nominal == nominal
        await ended(store, claim)


async def test_a_worker_that_dies_after_a_leap_is_found_when_leases_end_again(store: Store) -> None:
    await adopted(store)
    await store.queue.sweep()
    await store.jump(HOUR)
    await store.queue.sweep()
    await more(store)
    await taken(store)
    await store.advance(LEASE + 1)
    assert await store.queue.sweep() == 0
    await store.advance(HOLD - LEASE)
    assert await store.queue.sweep() == 1


async def paused(store: Store, ms: int) -> int:
    """A pause of so many milliseconds; when it began."""
    await adopted(store, cursor=store.now() - 60_000)
    await store.requests.pause([(await job(store)).uid], "somebody", "", None)
    await store.jump(ms)
    await store.requests.resume([(await job(store)).uid])
    await store.jump(HOUR)
    pause = (await job(store)).pause
    assert pause
    return pause.since


@pytest.mark.parametrize(
    ("nominal", "delay", "runs"),
    [
        (-2000, 1000, True),
        (-2000, 3000, False),  # comes due in the pause
        (1000, 90_000, False),  # of the pause, due after it
        (-2000, 90_000, True),
    ],
)
async def test_what_comes_due_in_a_pause_by_its_jitter_is_of_the_pause(
    store: Store, nominal: int, delay: int, *, runs: bool
) -> None:
    since = await paused(store, 60_000)
    (cursor,) = await store.ledger.cursors([(await job(store)).uid])
    assert cursor
    item = dispatch(cursor, since + nominal, delays=(delay,))
    assert await store.ledger.dispatch(EPOCH, [item]) == [(Verdict.OK, 0)]
    assert (await job(store)).skipped == ({} if runs else {"Paused": 1})
    assert len(await taken(store)) == runs


async def test_what_comes_due_in_a_pause_of_all_by_its_jitter_is_of_the_pause(store: Store) -> None:
    await adopted(store, cursor=store.now() - 60_000)
    since = store.now() - 1000
    await store.ledger.declare_pauses("test", {"*": Pause(since, None)}, since)
    await store.ledger.declare_pauses("test", {})
    await store.jump(1000)
    (cursor,) = await store.ledger.cursors([(await job(store)).uid])
    assert cursor
    item = dispatch(cursor, since - 2000, since - 1000, delays=(500, 1500))
    assert await store.ledger.dispatch(EPOCH, [item]) == [(Verdict.OK, 0)]
    assert [claim.nominal for claim in await taken(store)] == [since - 2000]
    assert (await job(store)).skipped == {"Paused": 1}


async def test_how_far_the_jitter_may_put_off_is_told(store: Store) -> None:
    await adopted(store, jitter=5_000)
    known = await store.requests.stored(UID)
    assert known
    assert known.jitter == 5_000
    await adopted(store, generation=2)
    known = await store.requests.stored(UID)
    assert known
    assert known.jitter == 0
