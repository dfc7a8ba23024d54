"""Whose a job is."""

import pytest

from kronstream.clock import StoreClock
from kronstream.controller.replicas import Replicas
from kronstream.testing import FixedClock, MemoryLedger, MemoryStore

pytestmark = pytest.mark.anyio

UIDS = [f"job-{number}" for number in range(200)]


async def suitable() -> None:
    """A store that may be used."""


def replicas(store: MemoryStore, name: str, scope: str = "", revision: str = "") -> Replicas:
    return Replicas(MemoryLedger(store), StoreClock(), name, suitable, scope=scope, revision=revision)


async def test_a_replica_alone_owns_every_job_even_before_it_serves() -> None:
    one = replicas(MemoryStore(FixedClock(1_000_000)), "one")
    await one.beat()
    assert all(one.owns(uid) for uid in UIDS)
    one.serve()
    await one.beat()
    assert all(one.owns(uid) for uid in UIDS)


async def test_a_replica_has_no_share_before_it_knows_all_jobs() -> None:
    store = MemoryStore(FixedClock(1_000_000))
    one, two = replicas(store, "one"), replicas(store, "two")
    one.serve()
    await one.beat()
    await two.beat()
    await one.beat()
    assert all(one.owns(uid) and not two.owns(uid) for uid in UIDS)
    two.serve()
    await two.beat()
    await one.beat()
    assert all(one.owns(uid) != two.owns(uid) for uid in UIDS)
    assert 60 < sum(one.owns(uid) for uid in UIDS) < 140


async def test_the_share_of_a_silent_replica_is_the_others() -> None:
    clock = FixedClock(1_000_000)
    store = MemoryStore(clock)
    one, two = replicas(store, "one"), replicas(store, "two")
    for replica in (one, two):
        replica.serve()
        await replica.beat()
    clock.advance(701)
    await one.beat()
    assert all(one.owns(uid) for uid in UIDS)


async def test_replicas_of_other_namespaces_have_no_share() -> None:
    store = MemoryStore(FixedClock(1_000_000))
    ours, theirs = replicas(store, "one", "a,b"), replicas(store, "two", "c")
    for replica in (ours, theirs, ours):
        replica.serve()
        await replica.beat()
    assert all(ours.owns(uid) and theirs.owns(uid) for uid in UIDS)


async def test_a_revision_is_manned_while_a_replica_that_has_it_lives() -> None:
    clock = FixedClock(1_000_000)
    store = MemoryStore(clock)
    older, newer = replicas(store, "one", revision="0001.a"), replicas(store, "two", revision="0002.a")
    went: list[str] = []
    older.departed = lambda: went.append("newer")
    for replica in (newer, older):
        replica.serve()
        await replica.beat()
    assert older.manned("0002.a")
    assert older.manned("0001.z")
    assert not older.manned("0003.a")
    assert went == []
    clock.advance(701)
    await older.beat()
    await older.beat()
    assert not older.manned("0002.a")
    assert older.manned("0001.a")
    assert went == ["newer"]


async def test_an_older_copy_is_noticed_also_when_one_heartbeat_is_all_that_was_lost() -> None:
    store = MemoryStore(FixedClock(1_000_000), "epoch")
    one = replicas(store, "one")
    await one.beat()
    await one.beat()
    assert not one.rolled_back.is_set()
    store.pulse -= 1  # a failover lost the last heartbeat
    await one.beat()
    assert one.rolled_back.is_set()


async def test_a_lost_store_closes_and_another_epoch_is_compared() -> None:
    store = MemoryStore(FixedClock(1_000_000), "epoch")
    one = replicas(store, "one")
    await one.beat()
    assert (one.open.is_set(), one.lost.is_set(), one.epoch) == (True, False, "epoch")
    store.epoch = "another"
    await one.beat()
    assert (one.rolled_back.is_set(), one.epoch) == (True, "another")
    store.epoch = None
    await one.beat()
    assert (one.open.is_set(), one.lost.is_set(), one.epoch) == (False, True, "")


async def test_a_dispatch_into_another_epoch_waits_for_the_next_heartbeat() -> None:
    one = replicas(MemoryStore(FixedClock(1_000_000), "epoch"), "one")
    await one.beat()
    one.reject()
    assert not one.open.is_set()
    await one.beat()
    assert one.open.is_set()


async def test_the_setting_counts_for_as_long_as_a_replica_has_it() -> None:
    clock = FixedClock(1_000_000)
    store = MemoryStore(clock, "epoch")
    plain = replicas(store, "one", "a")
    other = Replicas(MemoryLedger(store), StoreClock(), "two", suitable, scope="b", paused=True)
    paused = Replicas(MemoryLedger(store), StoreClock(), "paused", suitable, scope="a", paused=True)
    assert paused.held
    other.serve()
    await other.beat()
    await plain.beat()
    assert not plain.held  # it is of other namespaces
    paused.serve()
    await paused.beat()
    await plain.beat()
    assert paused.held
    assert plain.held
    clock.advance(30_000)
    await plain.beat()
    assert plain.held  # it may be frozen
    clock.advance(31_000)
    await plain.beat()
    assert not plain.held
    await paused.beat()
    await plain.beat()
    assert plain.held
    await paused.beat("leave")
    await plain.beat()
    assert not plain.held


async def test_a_store_that_was_away_is_told_of_the_pauses_before_it_is_used() -> None:
    store = MemoryStore(FixedClock(1_000_000), "epoch")
    one = replicas(store, "one")
    was: list[bool] = []

    async def returned() -> None:
        was.append(one.open.is_set())

    one.returned = returned
    for _ in range(3):
        await one.beat()
    assert was == []
    one._away(ConnectionError("gone"))
    await one.beat()
    assert was == [False]
    store.pulse -= 2
    await one.beat()
    assert len(was) == 2
