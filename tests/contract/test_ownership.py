"""Whose the data in Redis is."""

import asyncio

import pytest

from contract.stores import RedisStore
from kronstream.streams.connection import Unsuitable
from kronstream.streams.keys import Keys
from kronstream.streams.ownership import Foreign, Ownership

pytestmark = pytest.mark.anyio

ONE, OTHER = "11111111-aaaa", "22222222-bbbb"


def of(store: RedisStore, cluster: str | Exception, take_over: str = "", base: str = Keys().base) -> Ownership:
    async def identify() -> str:
        if isinstance(cluster, Exception):
            raise cluster
        return cluster

    return Ownership(store.redis, Keys(base), identify, take_over)


async def test_who_comes_first_has_it_and_keeps_it(redis_store: RedisStore) -> None:
    for _ in range(2):
        await of(redis_store, ONE).verify()
    with pytest.raises(Foreign, match=f"belongs to cluster {ONE}, and this is {OTHER}: .*KRONSTREAM_TAKE_OVER={ONE}"):
        await of(redis_store, OTHER).verify()
    await of(redis_store, ONE).verify()


async def test_another_stream_has_another_owner(redis_store: RedisStore) -> None:
    await of(redis_store, ONE).verify()
    await of(redis_store, OTHER, base="stream:other").verify()


async def test_a_rebuilt_cluster_takes_over_from_the_one_it_names(redis_store: RedisStore) -> None:
    before = of(redis_store, ONE)
    await before.verify()
    with pytest.raises(Foreign):
        await of(redis_store, OTHER, take_over="33333333-cccc").verify()

    lost = asyncio.ensure_future(before.lost())
    await of(redis_store, OTHER, take_over=ONE).verify()
    await of(redis_store, OTHER).verify()

    assert not lost.done()
    with pytest.raises(Foreign):
        await before.verify()
    with pytest.raises(RuntimeError, match="took over"):
        await lost


async def test_who_only_looks_claims_nothing(redis_store: RedisStore) -> None:
    await of(redis_store, OTHER).look()
    await of(redis_store, ONE).verify()
    with pytest.raises(Foreign, match=f"belongs to cluster {ONE}, and this is {OTHER}: "):
        await of(redis_store, OTHER).look()
    await of(redis_store, ONE).look()
    await of(redis_store, "").look()
    with pytest.raises(Unsuitable, match="not known yet which cluster this is"):
        await of(redis_store, OSError("refused")).look()


async def test_a_store_that_lost_everything_is_claimed_anew(redis_store: RedisStore) -> None:
    mine = of(redis_store, ONE)
    await mine.verify()
    await redis_store.redis.flushall()
    await mine.verify()
    with pytest.raises(Foreign):
        await of(redis_store, OTHER).verify()


async def test_it_is_not_guessed_which_cluster_this_is(redis_store: RedisStore) -> None:
    with pytest.raises(Unsuitable, match="not known yet which cluster this is: away"):
        await of(redis_store, OSError("away")).verify()
    assert await redis_store.redis.get(Keys().installation) is None


async def test_who_may_not_know_goes_on_unguarded(redis_store: RedisStore, caplog: pytest.LogCaptureFixture) -> None:
    await of(redis_store, ONE).verify()
    blind = of(redis_store, "")
    for _ in range(3):
        await blind.verify()
    assert [one.message for one in caplog.records if "get namespaces" in one.message] == [caplog.messages[-1]]
