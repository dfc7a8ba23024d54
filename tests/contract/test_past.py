"""What is left of deleted jobs: listed as long as there is something, and deleted with their namespace."""

import pytest

from builders import UID, card, success
from contract.acts import adopted, dispatched, ended, failure, record, rid, taken
from contract.stores import Store
from kronstream.domain.run import State
from kronstream.ports import JobName, Place

pytestmark = pytest.mark.anyio

OTHER = "1b5c3c6e-5d0c-4a8e-9f0a-2d7e3a1c9b12"
DAY = 86_400_000
JOB = JobName("team", "report", UID)


async def deleted(store: Store, **fields: object) -> list[int]:
    """A job of which one run succeeded, one failed and one waited when it was forgotten; their instants."""
    instants = await dispatched(store, 3, namespace="team", name="report", **fields)
    claims = await taken(store, 2)
    await ended(store, claims[0])
    await store.queue.finish(card(), [failure(claims[1])])
    assert await store.ledger.forget([UID]) == 1
    return instants


async def test_the_history_of_a_deleted_job_is_listed(store: Store) -> None:
    instants = await deleted(store)
    assert await store.listing.jobs("team", None, 10) == [JOB]
    assert await store.listing.jobs_named("team", "report") == [JOB]
    assert await store.listing.job_named("team", "report") is None
    assert await store.records.owner(UID) == ("team", "report")
    (places,) = await store.listing.places([(UID, None)], 10)
    assert sorted(place.run for place in places) == [rid(instant) for instant in instants]
    for state in (State.SUCCESS, State.FAILED, State.CANCELLED):
        found, total = await store.records.page(UID, 10, state=state)
        assert (total, [run.state for run in found], found[0].name) == (1, [state], "report")
    assert await store.listing.marks([UID]) == [None]


async def test_a_namesake_is_listed_beside_it(store: Store) -> None:
    await deleted(store)
    await adopted(store, OTHER, namespace="team", name="report")
    both = sorted([JOB, JobName("team", "report", OTHER)])
    assert await store.listing.jobs_named("team", "report") == both
    assert await store.listing.job_named("team", "report") == OTHER
    assert await store.records.owner(OTHER) is None


async def test_what_still_ran_joins_the_history(store: Store) -> None:
    (instant,) = await dispatched(store)
    (claim,) = await taken(store, 1)
    await store.ledger.forget([UID])
    assert await store.listing.places([(UID, None)], 10) == [[Place(None, rid(instant))]]
    await store.queue.finish(card(), [success(claim)])
    ((place,),) = await store.listing.places([(UID, None)], 10)
    assert place.ended is not None
    assert [run.id for run in (await store.records.page(UID, 10))[0]] == [rid(instant)]
    assert await store.undying(UID) == set()


async def test_it_is_let_go_when_its_history_has_ended(store: Store) -> None:
    await deleted(store, keep_age=DAY)
    assert await store.ledger.past() == ["team"]
    await store.advance(DAY + 1)
    assert await store.records.owner(UID) is None
    assert await store.ledger.past() == []
    assert await store.listing.jobs(None, None, 10) == []
    assert await store.undying(UID) == set()


async def test_a_job_without_runs_leaves_nothing(store: Store) -> None:
    await adopted(store)
    await store.ledger.forget([UID])
    assert await store.ledger.past() == []
    assert await store.records.owner(UID) is None


async def test_a_namespace_is_purged(store: Store) -> None:
    instants = await deleted(store)
    assert await store.ledger.purge("tea") == (0, 0)
    assert await store.ledger.purge("team", limit=1) == (1, 1)
    assert await store.ledger.purge("team") == (2, 0)
    assert await store.ledger.past() == []
    assert await store.listing.jobs(None, None, 10) == []
    assert await store.records.page(UID, 10) == ([], 0)
    assert [await store.records.get(rid(instant)) for instant in instants] == [None] * 3
    assert await store.undying(UID) == set()


async def test_only_what_was_there_before_an_instant_is_purged(store: Store) -> None:
    before = store.now()
    await store.advance(1_000)
    await deleted(store)
    assert await store.ledger.purge("team", before) == (0, 0)
    assert await store.ledger.past() == ["team"]
    assert await store.ledger.purge("team", store.now() + 1_000) == (3, 0)


async def test_jobs_that_are_there_are_not_purged(store: Store) -> None:
    instants = await deleted(store)
    await adopted(store, namespace="team", name="report", alive=True)
    assert await store.ledger.past() == []
    assert await store.ledger.purge("team") == (0, 0)
    assert (await record(store, instants[0])).state is State.SUCCESS


async def test_a_run_that_goes_on_is_purged_once_it_is_over(store: Store) -> None:
    await dispatched(store, namespace="team", name="report")
    (claim,) = await taken(store, 1)
    await store.ledger.forget([UID])
    assert await store.ledger.purge("team") == (0, 1)
    await store.queue.finish(card(), [success(claim)])
    assert await store.ledger.purge("team") == (1, 0)
    assert await store.records.get(claim.run) is None
    assert await store.undying(UID) == set()
