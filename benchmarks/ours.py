"""kronstream's worker under the common measure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks import entrants
from benchmarks.fill import JOBS, Books, books, fill, unfinished
from benchmarks.meter import Cost
from benchmarks.race import race
from benchmarks.redisserver import Server
from kronstream.dev.process import Process
from kronstream.streams.keys import Keys

GRACE = 20.0  # seconds a worker has to end


@dataclass(frozen=True)
class Lap:
    """One measurement: what it cost, what the records say, bytes of memory a finished run."""

    cost: Cost
    books: Books
    memory: float


@dataclass(frozen=True)
class Setting:
    """Runs that a worker executes at a time, and that it takes at a time; as shipped by default."""

    concurrency: int = 10
    batch: int = 10

    def __str__(self) -> str:
        return f"{self.concurrency}/{self.batch}"


SHIPPED = Setting()
SETTINGS = (SHIPPED, Setting(50), Setting(100), Setting(100, 100), Setting(200, 100), Setting(400, 200))


def worker(server: Server, name: str, setting: Setting) -> Process:
    """A worker with a setting, not started yet."""
    return entrants.worker(server, name, setting.concurrency, setting.batch)


@contextmanager
def stopped_at_the_end(processes: Sequence[Process]) -> Iterator[None]:
    """Whatever happens, the processes end."""
    try:
        yield
    finally:
        for process in processes:
            process.begin_stop()
        for process in processes:
            process.finish_stop(GRACE)


async def lap(
    server: Server, count: int, setting: Setting, *, workers: int = 1, function: str = "bench:async", jobs: int = JOBS
) -> Lap:
    """Fill, run, read all records back. Raises AssertionError when the books are wrong."""
    empty = await server.fresh()
    runs = await fill(server.redis, count, function, jobs)

    async def finished() -> int:
        return count - await unfinished(server.redis)

    async def all_up() -> bool:
        return int(await server.redis.zcard(Keys().workers)) >= workers

    processes = [worker(server, f"worker-{number}", setting) for number in range(1, workers + 1)]
    with stopped_at_the_end(processes):
        cost = await race(server, processes, finished, count, all_up)
    memory = (await server.memory() - empty) / count
    told = await books(server.redis, runs)
    faults = told.faults(count)
    assert not faults, f"the books are wrong: {'; '.join(faults)}"
    assert told.states == {"success": count}, f"not all succeeded: {dict(told.states)}"
    assert told.results == count, f"{told.results} of {count} results"
    return Lap(cost, told, memory)
