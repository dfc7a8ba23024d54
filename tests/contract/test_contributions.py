"""What each replica adds to a store that was lost: the first one seeds, the others add what it had not heard of."""

import pytest

from builders import card
from contract.acts import adopted, ask, asked, dispatched, ended, job, more, rid, taken
from contract.stores import Store
from kronstream.ports import Seed, Word

pytestmark = pytest.mark.anyio

REGISTERING = 3000


async def test_what_only_the_second_replica_remembers_counts_too(store: Store) -> None:
    """The first one filled the store in; it had not heard yet of the one run, nor of the last value of run-now."""
    at = store.now() - 5_000
    run, asked_for = rid(at), asked("5").run
    first, second = Seed({"rn": "4"}), Seed({"rn": "5", "once": run}, (run,), claimed=(asked_for,))
    await adopted(store, cursor=at - 1, seed=first, rebuild=True)
    assert await adopted(store, cursor=at, seed=second, rebuild=True) == at
    assert (await job(store)).once == run
    assert await ask(store, "5", value="5") == (Word.KNOWN, "started")
    assert (await job(store)).run_now == "5"
    await store.advance(REGISTERING)
    assert await store.queue.sweep() == 1
    assert [claim.run for claim in await taken(store)] == [run]
    assert await adopted(store, cursor=at, seed=second, rebuild=True) == at
    assert (await job(store)).active == 1


@pytest.mark.parametrize("speaks", [True, False])
async def test_a_run_that_may_go_on_keeps_its_slot_of_a_group(store: Store, *, speaks: bool) -> None:
    spec = {"group": "g", "group_max": 1}
    (first,) = await dispatched(store, **spec)
    claims = await taken(store)
    at = await adopted(store, "other", **spec)
    await store.wipe()
    await store.reopen()
    await adopted(store, cursor=first, seed=Seed({}, (rid(first),)), **spec)
    await adopted(store, "other", cursor=at, **spec)
    (second,) = await more(store, uid="other")
    assert await taken(store, consumer="worker-2") == []
    if speaks:
        assert (await store.queue.beat(card(), claims)).lost == frozenset()
    else:
        await store.advance(REGISTERING)
        await store.queue.sweep()
        claims = await taken(store)
    assert [claim.run for claim in claims] == [rid(first)]
    assert await taken(store, consumer="worker-2") == []
    await ended(store, *claims)
    assert [claim.run for claim in await taken(store, consumer="worker-2")] == [rid(second, "other")]


async def test_no_more_come_back_into_a_group_than_it_may_hold(store: Store) -> None:
    instants = await dispatched(store, 3, group="g", group_max=2)
    await store.wipe()
    await store.reopen()
    await adopted(store, cursor=instants[-1], seed=Seed({}, tuple(map(rid, instants))), group="g", group_max=2)
    await store.advance(REGISTERING)
    await store.queue.sweep()
    claims = await taken(store)
    assert [claim.nominal for claim in claims] == instants[:2]
    await ended(store, claims[0])
    assert [claim.nominal for claim in await taken(store)] == instants[2:]


async def test_who_waits_for_its_job_comes_back_without_a_slot_of_the_group(store: Store) -> None:
    spec = {"group": "g", "group_max": 2}
    instants = await dispatched(store, 2, policy="Queue", **spec)
    at = await adopted(store, "other", **spec)
    await store.wipe()
    await store.reopen()
    await adopted(store, cursor=instants[-1], seed=Seed({}, tuple(map(rid, instants))), policy="Queue", **spec)
    await adopted(store, "other", cursor=at, **spec)
    (nominal,) = await more(store, uid="other")
    assert [claim.run for claim in await taken(store)] == [rid(nominal, "other")]
