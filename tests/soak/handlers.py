"""What the soak's workers execute; every attempt leaves lines in the file named by WITNESS, which outlives Redis."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kronstream.handlers import Run, handler

FILE = os.open(os.environ["WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def tell(event: str, run: Run) -> None:
    """One write of a line is never torn."""
    line = {
        "event": event,
        "run": run.id,
        "nominal": round(run.nominal.timestamp() * 1000),
        "attempt": run.attempt,
        "at": time.time_ns() // 1_000_000,
        "worker": os.environ.get("KRONSTREAM_CONSUMER_NAME", ""),
        "pid": os.getpid(),
    }
    os.write(FILE, json.dumps(line).encode() + b"\n")


@contextmanager
def seen(run: Run) -> Iterator[None]:
    """Tells that an attempt began, succeeded, and was over; a process that is killed tells nothing more."""
    tell("began", run)
    try:
        yield
        tell("ended", run)
    finally:
        tell("left", run)


def number_of(run: Run) -> int:
    """A number that looks random, the same for every attempt of a run."""
    return round(run.nominal.timestamp() * 1000) * 2_654_435_761 >> 16


def spread(run: Run, least: int, most: int) -> float:
    """Seconds between so many milliseconds, the same for every attempt of a run."""
    return (least + number_of(run) % (most - least + 1)) / 1000


@handler("soak:noop")
async def noop(payload: Any, run: Run) -> None:
    with seen(run):
        pass


@handler("soak:awaits")
async def awaits(payload: Any, run: Run) -> float:
    """Takes from `least` to `most` milliseconds."""
    with seen(run):
        seconds = spread(run, payload["least"], payload["most"])
        await asyncio.sleep(seconds)
        return seconds


@handler("soak:limited")
async def limited(payload: Any, run: Run) -> None:
    """The same; a name of its own has a limit of its own."""
    with seen(run):
        await asyncio.sleep(spread(run, payload["least"], payload["most"]))


@handler("soak:sync")
def sync(payload: Any, run: Run) -> int:
    with seen(run):
        time.sleep(spread(run, payload["least"], payload["most"]))
        return os.getpid()


@handler("soak:fails")
async def fails(payload: Any, run: Run) -> int:
    """Fails in the first `failures` attempts."""
    with seen(run):
        await asyncio.sleep(0.005)
        if run.attempt <= payload["failures"]:
            raise ConnectionError(f"attempt {run.attempt} hung up")
        return run.attempt


@handler("soak:prints")
def prints(payload: Any, run: Run) -> None:
    """Prints much more than is kept."""
    with seen(run):
        for number in range(payload["lines"]):
            print(f"line {number} of {run.id}: {'x' * 80}")


@handler("soak:crashes")
def crashes(payload: Any, run: Run) -> int:
    """Ends its process in the first `failures` attempts."""
    with seen(run):
        if run.attempt <= payload["failures"]:
            os._exit(7)
        return run.attempt


@handler("soak:blocks")
async def blocks(payload: Any, run: Run) -> None:
    """Stops the loop, now for so long that the worker kills it, now for less."""
    with seen(run):
        time.sleep(payload["longer"] if number_of(run) % 2 else payload["shorter"])


@handler("soak:echo")
async def echo(payload: Any, run: Run) -> Any:
    with seen(run):
        await asyncio.sleep(0.001)
        return payload


@handler("soak:sync-echo")
def sync_echo(payload: Any, run: Run) -> Any:
    with seen(run):
        return payload
