"""The frame of a peer's program; nothing but the standard library."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

URL = os.environ.get("BENCH_REDIS_URL", "")
PAYLOAD = {"greeting": "hello"}
AT_ONCE = 100  # jobs that a filling or checking program has in flight
KEPT = 3600  # seconds a result is kept


def names(count: int) -> Iterator[list[str]]:
    """Ids of jobs, in portions."""
    every = [f"job-{number}" for number in range(count)]
    for first in range(0, count, AT_ONCE):
        yield every[first : first + AT_ONCE]


def main(
    fill: Callable[[int], Awaitable[None]], work: Callable[[str], Any], check: Callable[[int], Awaitable[int]]
) -> None:
    """Do what the command line says."""
    command, argument = sys.argv[1:]
    if command == "fill":
        asyncio.run(_run(fill(int(argument))))
    elif command == "check":
        print(asyncio.run(_run(check(int(argument)))))
    else:
        work(argument)


def become(*command: str) -> None:
    """Go on as a program of the library: `python -m …`."""
    os.execv(sys.executable, [sys.executable, "-m", *command])


async def _run(waiting: Awaitable[Any]) -> Any:
    return await waiting
