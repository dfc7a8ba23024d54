"""The Redis of a soak: the shipped settings, AOF everysec, ended and started again while everything runs."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

from redis import Redis

from kronstream.dev import parts
from kronstream.dev.controlplane import pong
from kronstream.dev.loopback import free_ports
from kronstream.dev.process import Process
from kronstream.dev.redisserver import find_redis

UNWRITTEN = (
    2_500  # ms of writes that a killed server may lose: it puts a write off while a sync goes on, for 2 s at most
)


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Server:
    """One server on loopback; `lost` are the spans it may have forgotten, `outages` when it was away."""

    def __init__(self, folder: Path) -> None:
        (port,) = free_ports(1)
        data = folder / "redis"
        data.mkdir()
        command = parts.redis(find_redis(os.environ), data, parts.Ports(0, 0, 0, port))
        self._process = Process("redis", command, folder / "redis.log")
        self._port = port
        self.url = f"redis://127.0.0.1:{port}/0"
        self.lost: list[tuple[int, int]] = []
        self.outages: list[tuple[str, int, int]] = []

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process.start()
        self._process.wait_until(lambda: pong(self._port), 30)

    def stop(self) -> None:
        """End it for good."""
        self._process.stop()

    async def shut_down(self, away: float) -> None:
        """SHUTDOWN SAVE, which loses nothing, and start again after so many seconds."""
        began = now()
        with Redis.from_url(self.url) as redis:
            await asyncio.to_thread(redis.shutdown, save=True)
        await self._come_back("shutdown", began, away)

    async def kill(self, away: float) -> None:
        """SIGKILL, which may lose what was not written yet."""
        began = now()
        self._process.send(signal.SIGKILL)
        self.lost.append((began - UNWRITTEN, began))
        await self._come_back("kill", began, away)

    async def _come_back(self, what: str, began: int, away: float) -> None:
        while self._process.pid is not None:
            await asyncio.sleep(0.02)
        await asyncio.sleep(away)
        await asyncio.to_thread(self.start)
        self.outages.append((what, began, now()))
