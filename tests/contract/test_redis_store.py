"""What only a real Redis can do: end a lease by its own clock, run out of memory, forget its scripts."""

import anyio
import pytest
from redis.exceptions import RedisError

from builders import UID, card, dispatch, success
from contract.acts import adopted, ask, dispatched, job, more, rid, state
from contract.handling import creation, due, effect, handling, route, settle
from contract.stores import EPOCH, RedisStore
from kronstream.domain.retry import Retry
from kronstream.domain.run import State
from kronstream.ports import Backfill, Change, Debounce, Dedupe, Ending, FateWord, Pace, Pause
from kronstream.streams.connection import Unsuitable, verify
from kronstream.streams.keys import Keys

pytestmark = pytest.mark.anyio

EVENTS = {"ec", "ede", "edb", "edead", "ei", "eitems", "eline", "eload", "eopen", "etend", "ewait"}
KINDS = {
    *EVENTS,
    "names",
    "outcomes",
    "pace",
    "roll",
    "routers",
    "turn",
    "wanted",
    "active",
    "backfill",
    "backfills",
    "bfs",
    "claim",
    "group",
    "gwait",
    "job",
    "run",
    "scopes",
    "seen",
    "waiting",
}


async def test_a_lease_ends_by_the_servers_clock(redis_store: RedisStore) -> None:
    store = RedisStore(redis_store.redis, lease=100)
    (nominal,) = await dispatched(store, work_fields={"retry": Retry(initial=50)})
    (claim,) = await store.queue.take(card(), "default", 10)
    with anyio.fail_after(5):
        while not await store.queue.sweep():
            await anyio.lowlevel.checkpoint()
        assert await state(store, nominal) is State.RETRYING
        while not await store.queue.sweep():
            await anyio.lowlevel.checkpoint()
    (again,) = await store.queue.take(card(), "default", 10)
    assert (again.run, again.attempt) == (claim.run, 2)


async def test_scripts_that_the_server_forgot_are_loaded_again(redis_store: RedisStore) -> None:
    await dispatched(redis_store)
    await redis_store.redis.script_flush()
    (claim,) = await redis_store.queue.take(card(), "default", 10)
    await redis_store.redis.script_flush()
    assert await redis_store.queue.finish(card(), [success(claim)]) == [True]


async def test_every_key_lies_in_the_slot_of_the_base_stream(redis_store: RedisStore) -> None:
    await dispatched(redis_store, 3, queue="gpu", policy="Replace")
    await dispatched(redis_store, 2, uid="another", group="g")
    await dispatched(redis_store, 2, uid="third", policy="Queue")
    await ask(redis_store, uid="another")
    await redis_store.requests.create_backfill(Backfill("b1", UID, "", 1, 9, 0, 0, 1, 9))
    await redis_store.ledger.declare_pauses("map", {"team": Pause(0, None)})
    await redis_store.queue.beat(card(), [])
    await redis_store.ledger.beat("replica-1", "ready", "x")
    await redis_store.effects.want("router", ["kronstream.run.succeeded"], 0)
    for claim in await redis_store.queue.take(card(), "default", 1):
        await redis_store.queue.finish(card(), [success(claim)])
    await handling(redis_store)
    window, pace = Debounce("k", 60_000, 60_000), Pace(1, 60_000)
    events = [effect("1", "another", dedupe=Dedupe("k", 60_000), pace=pace), effect("2", debounce=window)]
    await route(redis_store, *events, *(creation(key, most_open=1) for key in "345"), effect("6", None, retry_in=None))
    await redis_store.effects.beat("router-1")
    base = redis_store.keys.base
    keys = await redis_store.redis.keys("*")
    assert {key.split(":")[3] for key in keys if key.startswith("{")} >= KINDS
    assert [key for key in keys if key != base and not key.startswith(f"{{{base}}}:")] == []


async def test_a_redis_that_may_evict_is_refused_with_what_to_change(redis_store: RedisStore) -> None:
    await verify(redis_store.redis)
    await redis_store.redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(Unsuitable, match=r"allkeys-lru.*CONFIG SET maxmemory-policy noeviction"):
            await verify(redis_store.redis)
    finally:
        await redis_store.redis.config_set("maxmemory-policy", "noeviction")


@pytest.mark.parametrize("base", ["", "a{b}c", "}"])
def test_a_stream_name_that_chooses_its_slot_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match="braces choose the cluster slot"):
        Keys(base)


async def test_without_memory_nothing_is_dispatched_and_what_is_queued_can_end(redis_store: RedisStore) -> None:
    store = redis_store
    await dispatched(store, uid="queued")
    first, second = await dispatched(store, 2, policy="Replace")
    for name in ("b1", "b2"):
        assert await store.requests.create_backfill(Backfill(name, UID, "", 1, 9, 0, 0, 1, 9)) is Change.OK
    backfill = await store.requests.backfill("b1")
    assert backfill
    assert await state(store, first) is State.CANCELLED
    before = {key: value for key, (_, value) in (await store.snapshot()).items()}
    await store.redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(RedisError, match="maxmemory"):
            await store.ledger.dispatch(EPOCH, [dispatch(second, second + 1000)])
        with pytest.raises(RedisError, match="maxmemory"):
            await adopted(store, uid="another")
        with pytest.raises(RedisError, match="maxmemory"):
            await ask(store)
        with pytest.raises(RedisError, match="maxmemory"):
            await store.requests.step_backfill(EPOCH, backfill, 1)
        assert {key: value for key, (_, value) in (await store.snapshot()).items()} == before
        assert (await store.ledger.beat("replica-1")).epoch == EPOCH
        (queued,) = (await job(store, "queued")).unfinished
        assert await store.requests.cancel([queued], "somebody") == [Change.OK]
        assert await store.requests.cancel_backfill("b2", "somebody") is Change.OK
        assert await store.requests.pause([UID], "somebody", "", None) == [Change.OK]
        assert await store.requests.resume([UID]) == [Change.OK]
        assert await store.requests.skip(UID, [second + 60_000]) is Change.OK
        assert await store.ledger.declare_pauses("map", {"team": Pause(0, None)})
        (claim,) = await store.queue.take(card(), "default", 10)
        await store.queue.beat(card(), [claim])
        assert await store.queue.finish(card(), [success(claim)]) == [True]
        await store.ledger.clean([(uid, (await job(store, uid)).seq) for uid in (UID, "queued")])
        assert await store.ledger.dirty() == (0, [])
    finally:
        await store.redis.config_set("maxmemory", 0)
    (third,) = await more(store)
    assert [claim.run for claim in await store.queue.take(card(), "default", 10)] == [rid(third)]


async def test_without_memory_no_event_is_routed_and_what_waits_can_go_on(redis_store: RedisStore) -> None:
    store = redis_store
    await adopted(store)
    await handling(store)
    await route(store, creation("1"), creation("2"))
    before = {key: value for key, (_, value) in (await store.snapshot()).items()}
    await store.redis.config_set("maxmemory", 1)
    try:
        for one in (effect("3"), creation("3"), effect("3", debounce=Debounce("k", 1, 1))):
            with pytest.raises(RedisError, match="maxmemory"):
                await route(store, one)
        assert {key: value for key, (_, value) in (await store.snapshot()).items()} == before
        first, second = await due(store)
        assert await settle(store, first, created="made")
        assert await settle(store, second, Ending.FAILED, message="no")
        await store.effects.tend()
        assert await store.event_letters.count() == 1
    finally:
        await store.redis.config_set("maxmemory", 0)
    assert await route(store, effect("3")) == [FateWord.STARTED]
