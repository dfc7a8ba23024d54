"""Limits of functions and of keys, over all workers and queues."""

import pytest

from builders import card
from contract.acts import ask, dispatched, ended, failure, more, rid, state, taken
from contract.stores import LEASE, Store
from kronstream.domain.limits import Gate, Limits, function_gate, key_name
from kronstream.domain.run import State
from kronstream.ports import Change, Claim

pytestmark = pytest.mark.anyio

RECHECK = 60_000
ONE_AT_A_TIME = Gate(key_name("default", "mail", "acme"), max=1)


async def of_function(store: Store, text: str, slots: int = 10, consumer: str = "worker-1") -> list[Claim]:
    """What a worker gets whose settings limit the function mail:send."""
    limits = Limits({}, {"mail:send": function_gate("mail:send", text)})
    return await store.queue.take(card(consumer, limits=limits.shape()), "default", slots)


async def test_a_function_executes_no_more_than_its_limit(store: Store) -> None:
    instants = await dispatched(store, 4, function="mail:send")
    (other,) = await dispatched(store, 1, uid="other", function="echo")
    first = await of_function(store, "2")
    assert [claim.run for claim in first] == [rid(instants[0]), rid(instants[1]), rid(other, "other")]
    assert await of_function(store, "2", consumer="worker-2") == []
    await ended(store, first[0])
    second = await of_function(store, "2", consumer="worker-2")
    assert [claim.run for claim in second] == [rid(instants[2])]
    await ended(store, first[1], second[0])
    assert [claim.run for claim in await of_function(store, "2")] == [rid(instants[3])]


async def test_the_limit_holds_over_jobs_and_queues(store: Store) -> None:
    await dispatched(store, 1, uid="a", function="mail:send")
    await dispatched(store, 1, uid="b", function="mail:send", queue="reports")
    (claim,) = await of_function(store, "1")
    limits = Limits({}, {"mail:send": function_gate("mail:send", "1")}).shape()
    other = card("worker-2", queues={"reports": 1}, limits=limits)
    assert await store.queue.take(other, "reports", 1) == []
    await ended(store, claim)
    assert len(await store.queue.take(other, "reports", 1)) == 1


async def test_a_key_executes_no_more_than_its_limit(store: Store) -> None:
    await dispatched(store, 2, uid="acme", keys=(ONE_AT_A_TIME,))
    await dispatched(store, 1, uid="other", keys=(Gate(key_name("default", "mail", "other"), max=1),))
    claims = await taken(store)
    assert sorted(claim.uid for claim in claims) == ["acme", "other"]
    await ended(store, *claims)
    assert [claim.uid for claim in await taken(store)] == ["acme"]


async def test_a_run_with_a_payload_of_its_own_has_keys_of_its_own(store: Store) -> None:
    await dispatched(store, 1, keys=(ONE_AT_A_TIME,))
    other = Gate(key_name("default", "mail", "other"), max=1)
    await ask(store, "1", payload='{"customer":"other"}', keys=(other,))
    await ask(store, "2", payload='{"customer":"other"}', keys=(other,))
    await ask(store, "3", payload='{"customer":null}', keys=())
    assert len(await taken(store)) == 3


async def test_who_waits_for_a_slot_holds_no_other(store: Store) -> None:
    both = (Gate("k/default/a", max=1), Gate("k/default/b", max=1))
    await dispatched(store, 1, uid="ab", keys=both)
    await dispatched(store, 1, uid="b", keys=both[1:])
    (ab,) = [claim for claim in await taken(store, 1) if claim.uid == "ab"]
    assert await taken(store) == []
    await dispatched(store, 1, uid="ab2", keys=both)
    await dispatched(store, 1, uid="a", keys=both[:1])
    assert await taken(store) == []
    await ended(store, ab)
    got = {claim.uid: claim for claim in await taken(store)}
    # b stood first for b; ab2 stands for it and leaves a to the next
    assert "b" in got
    await ended(store, *got.values())
    for _ in range(3):
        got |= {claim.uid: claim for claim in await taken(store)}
        await ended(store, *[claim for claim in got.values() if await state_of(store, claim) is State.RUNNING])
    assert set(got) == {"a", "b", "ab2"}


async def state_of(store: Store, claim: Claim) -> State:
    found = await store.records.get(claim.run)
    assert found
    return found.state


async def test_a_cancelled_run_leaves_its_line_and_its_slot(store: Store) -> None:
    first, second, third = await dispatched(store, 3, keys=(ONE_AT_A_TIME,))
    (claim,) = await taken(store)
    assert await store.requests.cancel([rid(second)], "ann") == [Change.OK]
    await ended(store, claim)
    # the third has the slot now, and does not execute yet
    assert await store.requests.cancel([rid(third)], "ann") == [Change.OK]
    (fourth,) = await more(store)
    assert [found.nominal for found in await taken(store)] == [fourth]
    assert first < second < third


async def test_a_retry_and_a_handed_back_run_leave_their_slots(store: Store) -> None:
    first, second = await dispatched(store, 2, keys=(ONE_AT_A_TIME,))
    (claim,) = await taken(store)
    assert claim.nominal == first
    await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=60_000)])
    (claim,) = await taken(store)
    assert claim.nominal == second
    await store.queue.release(card(), [claim])
    (claim,) = await taken(store)
    assert claim.nominal == second


async def test_a_dead_workers_run_leaves_its_slot(store: Store) -> None:
    _, second = await dispatched(store, 2, keys=(ONE_AT_A_TIME,))
    await taken(store)
    await store.advance(LEASE + 1)
    await store.queue.sweep()
    assert [claim.nominal for claim in await taken(store, consumer="worker-2")] == [second]


async def test_a_raised_limit_is_seen_by_the_sweep(store: Store) -> None:
    await dispatched(store, 4, function="mail:send")
    assert len(await of_function(store, "1")) == 1
    assert await of_function(store, "3") == []  # those behind it stand in its line
    await store.queue.sweep()
    await more(store)
    await of_function(store, "3")
    await store.advance(RECHECK + 1)
    await store.queue.sweep()
    assert len(await of_function(store, "3")) >= 2


async def test_a_pace_sets_the_rest_aside_until_its_time(store: Store) -> None:
    instants = await dispatched(store, 6, function="mail:send")
    assert len(await of_function(store, "2/1m")) == 2
    assert await store.entries() != []
    await store.advance(20_000)
    await store.queue.sweep()
    assert await of_function(store, "2/1m") == []
    await store.advance(10_100)
    await store.queue.sweep()
    assert [claim.nominal for claim in await of_function(store, "2/1m")] == [instants[2]]
    await store.advance(60_000)
    await store.queue.sweep()
    assert [claim.nominal for claim in await of_function(store, "2/1m")] == instants[3:5]


async def test_every_attempt_counts_for_a_pace(store: Store) -> None:
    (nominal,) = await dispatched(store, 1, function="mail:send")
    (claim,) = await of_function(store, "1/1m")
    await store.queue.finish(card(), [failure(claim, state=State.RETRYING, retry_in=0)])
    await store.queue.sweep()
    assert await of_function(store, "1/1m") == []
    assert await state(store, nominal) is State.QUEUED
    await store.advance(60_100)
    await store.queue.sweep()
    assert [again.attempt for again in await of_function(store, "1/1m")] == [2]


async def test_a_run_set_aside_can_be_cancelled(store: Store) -> None:
    await dispatched(store, 1, function="mail:send")
    assert len(await of_function(store, "1/1m")) == 1
    (nominal,) = await more(store)
    assert await of_function(store, "1/1m") == []
    assert await store.requests.cancel([rid(nominal)], "ann") == [Change.OK]
    await store.advance(120_000)
    await store.queue.sweep()
    assert await of_function(store, "1/1m") == []
