"""Long work that the API does by itself: followed until it is over, with a bar on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import click

from kronstream.cli.client.connection import Api, segment
from kronstream.cli.client.exits import Exit, Failure

PAUSE = 0.5


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
            if found["state"] != "running":
                break
            if seconds and clock() > deadline:
                raise Failure(
                    Exit.TIMEOUT, f"operation {operation} goes on after {seconds:.0f} s: {done} of {total} are done"
                )
            pause(PAUSE)
    failed = found["failed"]
    said = f"operation {operation}: {found['state']}, {done} of {total}{f', {failed} of them failed' if failed else ''}"
    if found["state"] != "done" or failed:
        raise Failure(Exit.FAILED, said)
    click.echo(said, err=True)


def progress(found: dict[str, Any]) -> tuple[int, int]:
    """How many are done, well or badly, and of how many."""
    return found["done"] + found["failed"], found["count"]
