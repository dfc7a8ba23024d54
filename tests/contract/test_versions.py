"""Data of the next version is read; what is newer than that waits, is not counted as delivered, and is not lost."""

import json
from typing import Any

import pytest

from builders import card
from contract.acts import dispatched, record, rid
from contract.stores import RedisStore, Store
from kronstream.domain import work
from kronstream.domain.run import State
from kronstream.domain.stored import known
from kronstream.ports import Outcome, QueuePause, Recall
from kronstream.streams.runqueue import LATER

pytestmark = pytest.mark.anyio

NEXT, AFTER = work.VERSION + 1, work.VERSION + 2


async def rewrite(store: RedisStore, **fields: Any) -> None:
    """Another version wrote what runs execute."""
    (key,) = [str(key) async for key in store.redis.scan_iter(match="*:work:*")]
    for generation, text in (await store.redis.hgetall(key)).items():
        raw = json.loads(text)
        raw["retry"]["novelty"] = [1]
        await store.redis.hset(key, generation, json.dumps({**raw, "novelty": {"a": 1}, **fields}))


async def reenter(store: RedisStore, nominal: int, **fields: str) -> None:
    """Another version made a run's entry."""
    (entry,) = await store.redis.xrange(store.keys.base)
    await store.redis.xdel(store.keys.base, entry[0])
    new = await store.redis.xadd(store.keys.base, {**entry[1], "novelty": "x", **fields})
    await store.redis.hset(store.keys.run(rid(nominal)), "eid", new)


async def test_work_of_the_next_version_is_executed(redis_store: RedisStore) -> None:
    (nominal,) = await dispatched(redis_store)
    await rewrite(redis_store, v=NEXT)
    (claim,) = await redis_store.queue.take(card(), "default", 10)
    assert (claim.nominal, claim.work.retry.limit) == (nominal, 3)
    assert await redis_store.queue.finish(card(), [Outcome(claim.run, claim.token, State.SUCCESS, 5)]) == [True]


async def test_an_entry_of_the_next_version_is_taken(redis_store: RedisStore) -> None:
    (nominal,) = await dispatched(redis_store)
    await reenter(redis_store, nominal, v="2")
    assert [claim.nominal for claim in await redis_store.queue.take(card(), "default", 10)] == [nominal]


async def test_work_that_is_newer_waits_for_a_newer_worker(
    redis_store: RedisStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (nominal,) = await dispatched(redis_store)
    await rewrite(redis_store, v=AFTER)
    for _ in range(25):  # more often than a run may be delivered
        assert await redis_store.queue.take(card(), "default", 10) == []
        assert await redis_store.entries() == []
        assert (await record(redis_store, nominal)).state is State.QUEUED
        await redis_store.advance(LATER)
        await redis_store.queue.sweep()
    assert await redis_store.dead_letters() == []
    assert sum("waits for a newer worker" in text for text in caplog.messages) == 1

    monkeypatch.setattr(work, "VERSION", NEXT)
    (claim,) = await redis_store.queue.take(card("newer"), "default", 10)
    assert (claim.nominal, claim.attempt, claim.deliveries) == (nominal, 1, 1)


async def test_an_entry_that_is_newer_waits_and_its_run_is_entered_anew(redis_store: RedisStore) -> None:
    (nominal,) = await dispatched(redis_store)
    await reenter(redis_store, nominal, v="3")
    assert await redis_store.queue.take(card(), "default", 10) == []
    assert (await redis_store.entries(), await redis_store.pending(), await redis_store.dead_letters()) == ([], [], [])
    await redis_store.advance(LATER)
    await redis_store.queue.sweep()
    (claim,) = await redis_store.queue.take(card(), "default", 10)
    assert (claim.nominal, claim.deliveries) == (nominal, 1)


async def test_both_stores_read_an_entry_of_the_next_version(store: Store) -> None:
    await store.inject({"v": "2", "run": "u-s1", "uid": "u", "novelty": "x"})
    assert await store.queue.take(card(), "default", 10) == []
    assert await store.dead_letters() == []


def test_small_objects_of_a_newer_version_are_read() -> None:
    assert known(QueuePause, {"by": "anna", "reason": "", "since": 5, "novelty": 1}).by == "anna"
    with pytest.raises(TypeError):
        known(Recall, {"novelty": 1})
