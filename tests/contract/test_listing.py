"""Lists of runs, from indexes: jobs in the order of their names, runs in the order of their ends, page by page."""

import pytest

from builders import UID, card
from contract.acts import adopted, dispatched, ended, failure, more, rid, taken
from contract.stores import Store
from kronstream.domain.run import State
from kronstream.ports import JobName, Place

pytestmark = pytest.mark.anyio

OTHER = "1b5c3c6e-5d0c-4a8e-9f0a-2d7e3a1c9b12"
THIRD = "2b5c3c6e-5d0c-4a8e-9f0a-2d7e3a1c9b13"


async def test_jobs_are_listed_by_namespace_and_name(store: Store) -> None:
    await adopted(store, UID, namespace="team", name="report")
    await adopted(store, OTHER, namespace="team-b", name="a")
    await adopted(store, THIRD, namespace="team", name="a.b")
    await adopted(store, "eh.3b5c3c6e-5d0c-4a8e-9f0a-2d7e3a1c9b14", namespace="team", name="handler")
    third, first, other = JobName("team", "a.b", THIRD), JobName("team", "report", UID), JobName("team-b", "a", OTHER)

    assert await store.listing.jobs("team", None, 10) == [third, first]
    assert await store.listing.jobs("team", third, 10) == [first]
    assert await store.listing.jobs(None, None, 2) == [third, first]
    assert await store.listing.jobs(None, first, 2) == [other]
    assert await store.listing.jobs("tea", None, 10) == []
    assert await store.listing.job_named("team", "report") == UID
    assert await store.listing.job_named("team-b", "report") is None
    await store.ledger.forget([UID])
    assert await store.listing.jobs("team", None, 10) == [third]
    assert await store.listing.job_named("team", "report") is None


async def test_runs_that_are_not_over_come_first_then_the_last_to_end(store: Store) -> None:
    instants = await dispatched(store, 3)
    claims = await taken(store, 2)
    await ended(store, claims[0])
    await store.advance(5)
    await store.queue.finish(card(), [failure(claims[1])])
    await more(store, 1)
    (cursor,) = await store.ledger.cursors([UID])

    (places,) = await store.listing.places([(UID, None)], 10)

    assert [place.run for place in places] == [rid(cursor), rid(instants[2]), rid(instants[1]), rid(instants[0])]
    assert [place.ended is None for place in places] == [True, True, False, False]
    for number, place in enumerate(places):
        assert await store.listing.places([(UID, place), (OTHER, None)], 2) == [places[number + 1 : number + 3], []]
    over, failed = frozenset({State.SUCCESS}), frozenset({State.FAILED, State.DEAD})
    for states, wanted in (
        (over, places[3:]),
        (failed, places[2:3]),
        (over | failed, places[2:]),
        (frozenset({State.RUNNING}), places[:2]),
        (frozenset({State.RETRYING}) | over, [*places[:2], places[3]]),
        (frozenset(), []),
    ):
        assert await store.listing.places([(UID, None)], 10, states) == [wanted]
        assert await store.listing.places([(UID, places[0])], 10, states) == [[p for p in wanted if p != places[0]]]
    # a place whose run is not there any more keeps its meaning
    assert await store.listing.places([(UID, Place(places[2].ended, places[2].run + "z"))], 10) == [places[2:]]
    assert await store.listing.places([], 10) == []


async def test_runs_that_end_together_are_listed_once_each(store: Store) -> None:
    await dispatched(store, 60, keep_good=100, cursor=store.now() - 100_000)
    await ended(store, *await taken(store, 60))

    found: list[Place] = []
    while True:
        (page,) = await store.listing.places([(UID, found[-1] if found else None)], 7)
        found += page
        if not page:
            break

    assert len({place.run for place in found}) == len(found) == 60


async def test_records_are_read_whole_or_brief(store: Store) -> None:
    (nominal,) = await dispatched(store)
    (claim,) = await taken(store)
    await ended(store, claim)

    (whole, none) = await store.listing.read([rid(nominal), rid(1)], whole=True)
    (brief,) = await store.listing.read([rid(nominal)], whole=False)

    assert none is None
    assert whole == await store.records.get(rid(nominal))
    assert whole is not None
    assert brief is not None
    assert (whole.result, brief.result) == ({"ok": True}, None)
    assert (brief.state, brief.id, brief.finished, brief.worker) == (
        State.SUCCESS,
        whole.id,
        whole.finished,
        whole.worker,
    )
    assert await store.listing.read([], whole=False) == []


async def test_a_jobs_mark_moves_with_its_runs(store: Store) -> None:
    seen = []
    await adopted(store)
    for step in ("dispatched", "taken", "ended"):
        if step == "dispatched":
            await more(store)
        elif step == "taken":
            (claim,) = await taken(store)
        else:
            await ended(store, claim)
        (mark, none) = await store.listing.marks([UID, OTHER])
        assert none is None
        assert mark is not None
        seen.append(mark)
    assert seen == sorted(set(seen))


async def test_the_clock_is_the_stores(store: Store) -> None:
    assert abs(await store.listing.now() - store.now()) < 5_000
