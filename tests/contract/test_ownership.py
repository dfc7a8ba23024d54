"""Whose the data in Redis is."""

import asyncio
from pathlib import Path

import pytest

from contract.stores import RedisStore
from kronstream.setting import read_settings
from kronstream.settings import RedisSettings
from kronstream.streams.connection import Unsuitable
from kronstream.streams.keys import Keys
from kronstream.streams.ownership import Foreign, Ownership
from kronstream.worker.store import RedisStore as WorkerStore

pytestmark = pytest.mark.anyio

ONE, OTHER = "11111111-aaaa", "22222222-bbbb"


def of(
    store: RedisStore, cluster: str | Exception, take_over: str = "", base: str = Keys().base, name: str = ""
) -> Ownership:
    async def identify() -> str:
        if isinstance(cluster, Exception):
            raise cluster
        return cluster

    return Ownership(store.redis, Keys(base), identify, name, take_over)


async def test_who_comes_first_has_it_and_keeps_it(redis_store: RedisStore) -> None:
    for _ in range(2):
        await of(redis_store, ONE).verify()
    with pytest.raises(Foreign, match=f"to installation {ONE}, and this is {OTHER}: .*KRONSTREAM_TAKE_OVER={ONE}"):
        await of(redis_store, OTHER).verify()
    await of(redis_store, ONE).verify()


async def test_another_stream_has_another_owner(redis_store: RedisStore) -> None:
    await of(redis_store, ONE).verify()
    await of(redis_store, OTHER, base="stream:other").verify()


async def test_two_installations_of_a_cluster_are_two(redis_store: RedisStore) -> None:
    await of(redis_store, ONE).verify()
    first, second = (of(redis_store, ONE, name=name) for name in ("team-a/kron", "team-b/kron"))
    await first.verify()  # what had no name yet is the first one's that has one
    await first.look()
    said = f"belongs to installation {ONE}/team-a/kron, and this is {ONE}/team-b/kron: .*TAKE_OVER={ONE}/team-a/kron"
    for other in (second, of(redis_store, ONE, take_over=ONE, name="team-b/kron")):
        with pytest.raises(Foreign, match=said):
            await other.verify()
        with pytest.raises(Foreign, match=said):
            await other.look()
    with pytest.raises(Foreign):
        await of(redis_store, ONE).verify()
    await of(redis_store, ONE, take_over=f"{ONE}/team-a/kron", name="team-b/kron").verify()
    await second.look()


def worker_store(socket: Path, name: str) -> WorkerStore:
    """The store of a worker of the installation of this name."""
    settings = {"KRONSTREAM_REDIS_URL": f"unix://{socket}", "KRONSTREAM_INSTALLATION": name}
    return WorkerStore(read_settings(RedisSettings, settings), 1_000)


async def test_a_part_that_knows_no_cluster_judges_by_the_name(redis_store: RedisStore, redis_socket: Path) -> None:
    async def fault(name: str) -> str:
        store = worker_store(redis_socket, name)
        try:
            return await store.fault()
        finally:
            await store.close()

    for owner in (None, ONE):
        if owner:
            await redis_store.redis.set(Keys().installation, owner)
        assert await fault("team-a/kron") == ""
    await redis_store.redis.set(Keys().installation, f"{ONE}/team-a/kron")
    assert (await fault("team-a/kron"), await fault("")) == ("", "")
    said = await fault("team-b/kron")
    assert "belongs to installation team-a/kron, and this is team-b/kron: give" in said
    assert said.endswith("KRONSTREAM_INSTALLATION=team-a/kron")


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
    with pytest.raises(Foreign, match=f"belongs to installation {ONE}, and this is {OTHER}: "):
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
