"""One worker, or several, against a filled queue: the same measure for everyone.

The clock runs from the first look at which some runs were finished to the first at which all were, so that nobody's
start-up counts. Looks are 20 ms apart and cost Redis one cheap command.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from benchmarks.meter import Cost, between, read
from benchmarks.redisserver import Server
from kronstream.dev.process import Process

LOOK_EVERY = 0.02  # seconds
PATIENCE = 60.0  # seconds without a finished run until it is given up


async def race(
    server: Server,
    processes: Sequence[Process],
    finished: Callable[[], Awaitable[int]],
    count: int,
    begun: Callable[[], Awaitable[bool]] | None = None,
) -> Cost:
    """Start the processes and wait until `count` are finished; what that cost. They go on running.

    The clock starts no earlier than when `begun` says so: that all of several processes are up.
    Raises PartFailedError when a process ends or nothing is finished for a minute.
    """
    for process in processes:
        process.start()
    done = await _until(finished, 1, processes)
    while begun is not None and not await begun():
        await asyncio.sleep(LOOK_EVERY)
        done = await finished()
    first = await read(server.redis, *(process.pid for process in processes))
    await _until(finished, count, processes)
    last = await read(server.redis, *(process.pid for process in processes))
    return between(first, last, count - done)


async def _until(finished: Callable[[], Awaitable[int]], wanted: int, processes: Sequence[Process]) -> int:
    before, since = 0, time.monotonic()
    while (done := await finished()) < wanted:
        if done > before:
            before, since = done, time.monotonic()
        for process in processes:
            if process.pid is None:
                raise process.failure(f"ended with code {process.exit_code} after {done} runs")
        if time.monotonic() - since > PATIENCE:
            raise processes[0].failure(f"finished {done} of {wanted} and then none for {PATIENCE:.0f} s")
        await asyncio.sleep(LOOK_EVERY)
    return done
