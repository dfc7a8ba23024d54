"""Pauses of namespaces and of the whole installation, as several sources declare them."""

import pytest

from builders import dispatch
from contract.acts import adopted, job
from contract.stores import EPOCH, Store
from kronstream.ports import JobState, Pause

pytestmark = pytest.mark.anyio

MINUTE = 60_000
MONTH = 31 * 86_400_000
OPEN = Pause(0, None, "somebody", "a reason")


async def looked(store: Store, uid: str, *instants: int) -> JobState:
    known = await job(store, uid)
    await store.ledger.dispatch(EPOCH, [dispatch(known.cursor, *instants, uid=uid)])
    return await job(store, uid)


async def declared(store: Store, scope: str = "*") -> list[tuple[int, int | None]]:
    found = (await store.ledger.declared_pauses()).get(scope, ())
    return sorted(((one.since, one.until) for one in found), key=lambda times: (times[0], times[1] or 0))


async def test_a_namespace_is_paused_and_others_are_not(store: Store) -> None:
    begin = store.now()
    await adopted(store, "one", cursor=begin - 1000, namespace="team")
    await adopted(store, "other", cursor=begin - 1000)
    assert await store.ledger.declare_pauses("map", {"team": OPEN})
    assert not await store.ledger.declare_pauses("map", {"team": OPEN})
    ((scope, (found,)),) = (await store.ledger.declared_pauses()).items()
    assert begin <= found.since <= store.now()
    assert (scope, found) == ("team", Pause(found.since, None, "somebody", "a reason"))
    await store.jump(MINUTE)
    instants = found.since - 1, found.since
    assert (await looked(store, "one", *instants)).skipped == {"Paused": 2}
    assert (await looked(store, "other", *instants)).skipped == {}


async def test_all_jobs_are_paused_and_what_was_is_not_caught_up(store: Store) -> None:
    begin = store.now()
    await adopted(store, "one", cursor=begin - 1000, namespace="team")
    await adopted(store, "other", cursor=begin - 1000)
    await store.ledger.declare_pauses("map", {"*": OPEN})
    await store.jump(MINUTE)
    assert await store.ledger.declare_pauses("map", {})
    assert not await store.ledger.declare_pauses("map", {})
    ((since, until),) = await declared(store)
    assert until is not None
    await store.jump(MINUTE)
    for uid in ("one", "other"):
        assert (await looked(store, uid, since - 1, since, until - 1, until)).skipped == {"Paused": 2}


async def test_sources_do_not_touch_each_other(store: Store) -> None:
    await store.ledger.declare_pauses("map", {"*": OPEN, "team": OPEN})
    await store.ledger.declare_pauses("setting", {"*": OPEN})
    await store.ledger.declare_pauses("map", {"team": OPEN})
    assert [until is None for _, until in await declared(store)].count(True) == 1
    assert [until for _, until in await declared(store, "team")] == [None]
    assert await store.ledger.declare_pauses("setting", {})
    assert None not in [until for _, until in await declared(store)]


async def test_a_source_whose_name_begins_as_anothers_is_another(store: Store) -> None:
    await store.ledger.declare_pauses("map", {"*": OPEN})
    await store.ledger.declare_pauses("ma", {})
    assert [until for _, until in await declared(store)] == [None]


async def test_ended_ones_stay_beside_the_new_one_for_a_month(store: Store) -> None:
    begin = store.now()
    await adopted(store, "one", cursor=begin - 1000)
    for _ in range(2):
        await store.ledger.declare_pauses("map", {"*": OPEN})
        await store.jump(MINUTE)
        await store.ledger.declare_pauses("map", {})
        await store.jump(MINUTE)
    (first, first_end), (second, second_end) = await declared(store)
    assert first_end is not None
    assert second_end is not None
    instants = first, first_end - 1, first_end, second - 1, second, second_end - 1, second_end
    assert (await looked(store, "one", *instants)).skipped == {"Paused": 4}
    await store.jump(MONTH)
    await store.ledger.declare_pauses("other", {})
    assert await declared(store) == []


async def test_two_sources_that_ended_together_are_both_kept(store: Store) -> None:
    begin = store.now()
    until = begin + MINUTE
    for number, source in enumerate(("map", "setting")):
        await store.ledger.declare_pauses(source, {"*": Pause(0, until)}, begin - 1000 * number)
    await store.jump(2 * MINUTE)
    for source in ("map", "setting"):
        await store.ledger.declare_pauses(source, {"*": OPEN})
    assert [pause for pause in await declared(store) if pause[1]] == [(begin - 1000, until), (begin, until)]


async def test_one_that_ended_by_itself_and_is_still_declared_stays_as_it_was(store: Store) -> None:
    until = store.now() + MINUTE
    await store.ledger.declare_pauses("map", {"*": Pause(0, until, "somebody")})
    before = await declared(store)
    await store.jump(2 * MINUTE)
    for _ in range(3):
        assert not await store.ledger.declare_pauses("map", {"*": Pause(0, until, "somebody")})
    assert await declared(store) == before
    await store.ledger.declare_pauses("map", {})
    assert await declared(store) == before


async def test_one_that_is_over_before_it_is_declared_is_none(store: Store) -> None:
    assert not await store.ledger.declare_pauses("map", {"*": Pause(0, store.now() - 1)})
    assert await declared(store) == []


async def test_one_that_is_declared_over_ends_now_and_not_before(store: Store) -> None:
    await store.ledger.declare_pauses("map", {"*": OPEN})
    ((since, _),) = await declared(store)
    await store.jump(MINUTE)
    begin = store.now()
    over = {"*": Pause(0, since + 1000, "somebody")}
    assert await store.ledger.declare_pauses("map", over)
    ((since_now, until),) = await declared(store)
    assert since_now == since
    assert until is not None
    assert until >= begin
    assert not await store.ledger.declare_pauses("map", over)


async def test_an_end_may_be_moved(store: Store) -> None:
    await store.ledger.declare_pauses("map", {"*": OPEN})
    ((since, _),) = await declared(store)
    until = store.now() + MINUTE
    assert await store.ledger.declare_pauses("map", {"*": Pause(0, until)})
    assert await declared(store) == [(since, until)]
    assert await store.ledger.declare_pauses("map", {"*": Pause(0, until + 1)})
    assert await declared(store) == [(since, until + 1)]


async def test_a_new_one_may_count_from_earlier(store: Store) -> None:
    begin = store.now()
    await adopted(store, "one", cursor=begin - 10_000)
    await store.ledger.declare_pauses("map", {"*": OPEN}, begin - 5000)
    assert await declared(store) == [(begin - 5000, None)]
    # and one that is known counts from when it did
    await store.ledger.declare_pauses("map", {"*": OPEN}, begin)
    assert await declared(store) == [(begin - 5000, None)]
    await store.ledger.declare_pauses("map", {})
    await store.jump(1000)
    assert (await looked(store, "one", begin - 5001, begin - 5000, begin - 1)).skipped == {"Paused": 2}


async def test_words_may_hold_any_character(store: Store) -> None:
    said = Pause(0, None, "a|b", "one | two\nthree \udcff")
    assert await store.ledger.declare_pauses("map", {"*": said})
    assert not await store.ledger.declare_pauses("map", {"*": said})
    ((found,),) = (await store.ledger.declared_pauses()).values()
    assert (found.by, found.reason) == ("a/b", "one | two\nthree ?")


async def test_a_pause_of_all_is_counted_once_beside_the_jobs_own(store: Store) -> None:
    begin = store.now()
    await adopted(store, "one", cursor=begin - 1000)
    await store.ledger.declare_pauses("map", {"*": OPEN, "default": OPEN})
    await store.requests.pause(["one"], "somebody", "", None)
    await store.jump(MINUTE)
    assert (await looked(store, "one", store.now() - 1)).skipped == {"Paused": 1}
