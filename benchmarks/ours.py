"""kronstream's worker under the common measure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks import entrants
from benchmarks.fill import Books, books, fill, unfinished
from benchmarks.meter import Cost
from benchmarks.race import race
from benchmarks.redisserver import Server
from kronstream.dev.process import Process

GRACE = 20.0  # seconds a worker has to end


@dataclass(frozen=True)
class Lap:
    """One measurement: what it cost, what the records say, bytes of memory a finished run."""

    cost: Cost
    books: Books
    memory: float


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
    server: Server, count: int, concurrency: int, *, workers: int = 1, function: str = "bench:async", **environ: str
) -> Lap:
    """Fill, run, read all records back. Raises AssertionError when the books are wrong."""
    empty = await server.fresh()
    runs = await fill(server.redis, count, function)

    async def finished() -> int:
        return count - await unfinished(server.redis)

    processes = [
        entrants.worker(server, f"worker-{number}", concurrency, **environ) for number in range(1, workers + 1)
    ]
    with stopped_at_the_end(processes):
        cost = await race(server, processes, finished, count)
    memory = (await server.memory() - empty) / count
    told = await books(server.redis, runs)
    faults = told.faults(count)
    assert not faults, f"the books are wrong: {'; '.join(faults)}"
    assert told.states == {"success": count}, f"not all succeeded: {dict(told.states)}"
    assert told.results == count, f"{told.results} of {count} results"
    return Lap(cost, told, memory)
