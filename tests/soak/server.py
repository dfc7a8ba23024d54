"""The Redis of a soak: the shipped settings, AOF everysec, ended and started again while everything runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from pathlib import Path

from redis import Redis

from kronstream.dev import parts
from kronstream.dev.controlplane import pong
from kronstream.dev.loopback import free_ports
from kronstream.dev.process import Process
from kronstream.dev.redisserver import find_redis

UNSYNCED = 1_000  # ms of writes that everysec may lose with the machine
UNWRITTEN = 2_500  # ms; a server that is killed puts a write off while a sync goes on, for 2 s at most
LOOK = 0.1  # seconds


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
        self.cut = 0  # bytes that were lost
        self._files = data / "appendonlydir"
        self._sizes: deque[tuple[int, Path, int]] = deque(maxlen=int(3 * UNSYNCED / 1000 / LOOK))

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
        """SIGKILL, and the last second of the append-only file is gone, as when the machine goes with it."""
        began = now()
        self._process.send(signal.SIGKILL)
        await self._gone()
        since = self._lose(began - UNSYNCED)
        self.lost.append((min(began - UNWRITTEN, since), began))
        await self._come_back("kill", began, away)

    async def note(self) -> None:
        """Remember how long the append-only file was when, for ever."""
        while True:
            for path in self._files.glob("*.incr.aof"):
                with contextlib.suppress(FileNotFoundError):
                    self._sizes.append((now(), path, path.stat().st_size))
            await asyncio.sleep(LOOK)

    def _lose(self, since: int) -> int:
        """Cut what was written after an instant; nothing where the file was begun anew since.

        Since when something may be gone is answered: earlier where this process was late to note the file's length.
        """
        for at, path, size in reversed(self._sizes):
            if at <= since:
                if not path.exists():
                    break
                self.cut += path.stat().st_size - size
                os.truncate(path, size)
                return at
        return since

    async def _gone(self) -> None:
        while self._process.pid is not None:
            await asyncio.sleep(0.02)

    async def _come_back(self, what: str, began: int, away: float) -> None:
        await self._gone()
        await asyncio.sleep(away)
        await asyncio.to_thread(self.start)
        self.outages.append((what, began, now()))
