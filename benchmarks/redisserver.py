"""The Redis that everything is measured on: the shipped settings, AOF everysec, on loopback TCP."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from kronstream.dev import parts
from kronstream.dev.controlplane import pong
from kronstream.dev.loopback import free_ports
from kronstream.dev.process import Process
from kronstream.dev.redisserver import find_redis
from kronstream.streams.connection import connect


@dataclass(frozen=True)
class Server:
    """A running Redis; `folder` is for logs of what is measured on it."""

    url: str
    redis: Redis
    folder: Path

    async def fresh(self) -> int:
        """Empty it, its append-only file too, so that all begin alike; bytes of memory it uses then."""
        await self.redis.flushall()
        await self.redis.bgrewriteaof()
        while (await self.redis.info("persistence"))["aof_rewrite_in_progress"]:
            await asyncio.sleep(0.01)
        await self.redis.config_resetstat()
        return await self.memory()

    async def memory(self) -> int:
        """Bytes of memory in use."""
        return int((await self.redis.info("memory"))["used_memory"])


@asynccontextmanager
async def server() -> AsyncIterator[Server]:
    """A Redis as the embedded control plane starts it, without the rest of one."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="kronstream-bench-") as name:
        folder = Path(name)
        data = folder / "redis"
        data.mkdir()
        command = parts.redis(find_redis(os.environ), data, parts.Ports(0, 0, 0, port))
        process = Process("redis", command, folder / "redis.log")
        process.start()
        try:
            process.wait_until(lambda: pong(port), 30)
            url = f"redis://127.0.0.1:{port}/0"
            redis = connect(url, timeout=60)
            yield Server(url, redis, folder)
            await redis.aclose(close_connection_pool=True)
        finally:
            process.stop()
