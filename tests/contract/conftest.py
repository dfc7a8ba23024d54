"""The store under test: the same suite runs over every implementation of the ports."""

import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis import Redis as BlockingRedis
from redis.exceptions import RedisError

from contract.stores import ModelStore, RedisStore, Store
from eventually import eventually
from kronstream.streams.connection import connect


@pytest.fixture(scope="session")
def redis_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Redis of its own on a socket, without persistence."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    assert program, "no redis-server on PATH: run `make redis`"
    folder = tmp_path_factory.mktemp("redis")
    path = folder / "redis.sock"
    command = [program, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:

        def answers() -> bool:
            try:
                return bool(BlockingRedis(unix_socket_path=str(path)).ping())
            except RedisError:
                return False

        eventually(answers)
        yield path
        process.terminate()


@pytest.fixture
async def redis_store(redis_socket: Path) -> AsyncIterator[RedisStore]:
    """An empty Redis, open."""
    redis = connect(f"unix://{redis_socket}")
    store = RedisStore(redis)
    await store.open()
    yield store
    await redis.aclose()


@pytest.fixture(params=["redis", "memory"])
def store(request: pytest.FixtureRequest) -> Store:
    """An empty store, open: most of the suite is not about the opening of one."""
    return request.getfixturevalue("redis_store") if request.param == "redis" else ModelStore()
