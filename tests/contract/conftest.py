"""The store under test: the same suite runs over every implementation of the ports."""

import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis as BlockingRedis
from redis.exceptions import ConnectionError as RedisConnectionError

from eventually import eventually
from kronstream.ports import Ledger, RunQueue
from kronstream.streams.connection import connect
from kronstream.streams.keys import Keys
from kronstream.streams.ledger import RedisLedger
from kronstream.streams.records import Records
from kronstream.streams.runqueue import RedisRunQueue

GROUP = "scheduler-workers"
LEASE = 400


@dataclass
class Store:
    """One store behind its ports; ``wipe`` loses everything."""

    queue: RunQueue
    ledger: Ledger
    records: Records
    keys: Keys
    redis: object

    async def epoch(self) -> str:
        """Open the store as the only replica; the epoch."""
        while True:
            beat = await self.ledger.beat("replica-1", "ready", "epoch-1")
            if beat.epoch:
                return beat.epoch


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
            except RedisConnectionError:
                return False

        eventually(answers)
        yield path
        process.terminate()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def store(redis_socket: Path) -> AsyncIterator[Store]:
    """An empty store."""
    redis = connect(f"unix://{redis_socket}")
    await redis.flushall()
    keys = Keys()
    queue = RedisRunQueue(redis, keys, GROUP, lease=LEASE)
    # the suite is not about the opening of a store: most tests start with an open one
    await redis.set(keys.epoch, "epoch-1")
    yield Store(queue, RedisLedger(redis, keys, GROUP), Records(redis, keys), keys, redis)
    await redis.aclose()
