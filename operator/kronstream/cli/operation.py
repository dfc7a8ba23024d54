"""Long work that the API does by itself: followed until it is over, with a bar on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import click

from kronstream.cli.client.connection import Api, segment
from kronstream.cli.client.exits import Exit, Failure

DEFAULT = "0s"
PAUSE = 0.5
OVER = frozenset({"done", "completed", "succeeded", "success", "failed", "cancelled", "stopped"})
WELL = frozenset({"done", "completed", "succeeded", "success"})


def awaited(
    api: Api,
    operation: str,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Follows an operation to its end, `seconds` at most (0: without end). Raises Failure unless it went well."""
    deadline = clock() + seconds
    with click.progressbar(length=1, label=f"operation {operation}", file=sys.stderr) as bar:
        while True:
            found = api.get(f"/operations/{segment(operation)}", about=operation)
            done, total = progress(found)
            bar.length = max(1, total)
            bar.update(max(0, done - bar.pos))
            if found.get("status") in OVER:
                break
            if seconds and clock() > deadline:
                raise Failure(
                    Exit.TIMEOUT, f"operation {operation} goes on after {seconds:.0f} s: {done} of {total} are done"
                )
            pause(PAUSE)
    said = f"operation {operation}: {found['status']}, {done} of {total}"
    if found["status"] not in WELL:
        raise Failure(Exit.FAILED, said)
    click.echo(said, err=True)


def progress(found: dict[str, Any]) -> tuple[int, int]:
    """How many are done, and of how many."""
    done = next((found[name] for name in ("done", "ended", "completed") if isinstance(found.get(name), int)), 0)
    total = next((found[name] for name in ("total", "count") if isinstance(found.get(name), int)), done)
    return done, total
