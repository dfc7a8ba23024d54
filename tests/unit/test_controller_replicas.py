"""Whose a job is."""

import pytest

from kronstream.controller.clock import StoreClock
from kronstream.controller.replicas import Replicas
from kronstream.testing import FixedClock, MemoryLedger, MemoryStore

pytestmark = pytest.mark.anyio

UIDS = [f"job-{number}" for number in range(200)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def suitable() -> None:
    """A store that may be used."""


def replicas(store: MemoryStore, name: str) -> Replicas:
    return Replicas(MemoryLedger(store), StoreClock(), name, suitable)


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
