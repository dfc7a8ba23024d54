"""What a stretch of work cost: readings of Redis and of a process tree, and their differences."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import psutil
from redis.asyncio import Redis


@dataclass(frozen=True)
class Reading:
    """Counters at one instant: seconds of the clock and of processors, bytes that Redis received and sent."""

    clock: float
    redis_cpu: float
    process_cpu: float
    received: int
    sent: int


@dataclass(frozen=True)
class Cost:
    """What `runs` runs took between two readings."""

    runs: int
    seconds: float
    redis_cpu: float
    process_cpu: float
    received: int
    sent: int

    @property
    def rate(self) -> float:
        """Runs a second."""
        return self.runs / self.seconds

    @property
    def redis_share(self) -> float:
        """How much of one processor Redis took, 1.0 = all of it."""
        return self.redis_cpu / self.seconds

    @property
    def process_share(self) -> float:
        """How much of one processor the measured processes took together."""
        return self.process_cpu / self.seconds

    def each(self, total: float) -> float:
        """A total's part of one run."""
        return total / self.runs


def between(first: Reading, last: Reading, runs: int) -> Cost:
    """The cost of what happened between two readings. Raises ValueError when that was nothing."""
    if runs <= 0 or last.clock <= first.clock:
        raise ValueError(f"nothing to measure: {runs} runs in {last.clock - first.clock:.3f} s")
    return Cost(
        runs,
        last.clock - first.clock,
        last.redis_cpu - first.redis_cpu,
        last.process_cpu - first.process_cpu,
        last.received - first.received,
        last.sent - first.sent,
    )


def reading(info: Mapping[str, float], process_cpu: float) -> Reading:
    """A reading of what INFO says."""
    cpu = info["used_cpu_sys"] + info["used_cpu_user"]
    return Reading(
        time.perf_counter(), cpu, process_cpu, int(info["total_net_input_bytes"]), int(info["total_net_output_bytes"])
    )


async def read(redis: Redis, *pids: int | None) -> Reading:
    """A reading of Redis and of the processes with all their children."""
    info = await redis.info("everything")
    return reading(info, sum(processor_time(pid) for pid in pids if pid is not None))


async def read_own(redis: Redis) -> Reading:
    """A reading of Redis and of this process alone."""
    return reading(await redis.info("everything"), time.process_time())


def processor_time(pid: int) -> float:
    """Seconds of processor that a process and its living children had; 0 for one that is gone."""
    total = 0.0
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for part in family:
        try:
            times = part.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total
