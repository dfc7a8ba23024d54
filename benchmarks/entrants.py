"""Who takes part: kronstream and its peers, each with the settings to try and the way to count what it ended."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from benchmarks.redisserver import Server
from kronstream.dev.components import KRONSTREAM
from kronstream.dev.process import Process

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = ROOT / ".venv-peers"
FILL_LIMIT = 120.0  # seconds

Count = Callable[[Redis, int], Awaitable[int]]


class PeerFailed(Exception):  # noqa: N818 - what happened to a peer
    """A peer that is not installed or did not do its work; the text begins with its name."""


async def stored(redis: Redis, count: int) -> int:
    """Ended jobs of a library that makes a key for each result, and has a handful of others."""
    return min(int(await redis.dbsize()), count)


def gone_from(key: str) -> Count:
    """Ended jobs of a library that takes them out of a sorted set when it stores the result."""

    async def ended(redis: Redis, count: int) -> int:
        return count - int(await redis.zcard(key))

    return ended


async def listed_by_streaq(redis: Redis, count: int) -> int:
    """Ended jobs by the index of results that streaq keeps."""
    del count
    return int(await redis.zcard("streaq:default:index:results"))


@dataclass(frozen=True)
class Peer:
    """A library with its program `benchmarks/peers/<name>.py`; `settings` are what its `work` is given."""

    name: str
    ended: Count
    settings: tuple[str, ...]
    what: str

    def run(self, server: Server, *arguments: str) -> str:
        """Run its program to the end; what it printed. Raises PeerFailed."""
        if not self._python.exists():
            raise PeerFailed(f"{self.name}: there is no {self._python}; `make bench` makes it")
        try:
            done = subprocess.run(
                [*self._command, *arguments], env=_environ(server), cwd=ROOT, capture_output=True, text=True,
                timeout=FILL_LIMIT, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise PeerFailed(f"{self.name}: {arguments[0]} took more than {FILL_LIMIT:.0f} s") from None
        if done.returncode:
            raise PeerFailed(f"{self.name}: {arguments[0]} failed\n{done.stderr[-3000:]}")
        return done.stdout

    def worker(self, server: Server, setting: str) -> Process:
        """Its worker, not started yet."""
        name = f"{self.name}-{setting}".replace(":", "-")
        log = server.folder / f"{name}.log"
        return Process(name, [*self._command, "work", setting], log, environ=_environ(server), folder=ROOT)

    @property
    def _python(self) -> Path:
        return ENVIRONMENTS / self.name / "bin" / "python"

    @property
    def _command(self) -> tuple[str, ...]:
        return (str(self._python), "-m", f"benchmarks.peers.{self.name}")


PEERS = (
    Peer("saq", gone_from("saq:bench:incomplete"), ("10", "50", "200"), "concurrency"),
    Peer("taskiq", stored, ("10", "100", "500"), "async tasks"),
    Peer("dramatiq", stored, ("4", "8", "16", "32"), "threads"),
    Peer("arq", gone_from("arq:queue"), ("10", "100", "1000"), "jobs at once"),
    Peer("streaq", listed_by_streaq, ("16", "64", "256"), "concurrency"),
    Peer("celery", stored, ("solo:1", "threads:4", "threads:16", "prefork:1"), "pool"),
)


def worker(server: Server, name: str, concurrency: int, batch: int) -> Process:
    """kronstream's worker, a supervisor and its loop process, with shipped defaults but for these two."""
    command = [*KRONSTREAM, "worker", "--handlers", str(ROOT / "benchmarks" / "handlers.py")]
    settings = {
        "KRONSTREAM_REDIS_URL": server.url,
        "KRONSTREAM_CONSUMER_NAME": name,
        "KRONSTREAM_CONCURRENCY": str(concurrency),
        "KRONSTREAM_BATCH_SIZE": str(batch),
    }
    return Process(name, command, server.folder / f"{name}.log", environ={**_clean(), **settings}, folder=ROOT)


def _environ(server: Server) -> dict[str, str]:
    return {**_clean(), "BENCH_REDIS_URL": server.url, "PYTHONUNBUFFERED": "1"}


def _clean() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("KRONSTREAM_")}
