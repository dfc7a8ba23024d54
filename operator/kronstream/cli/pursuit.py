"""Waiting for an execution to end, with its output as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from kronstream.cli.client.connection import Api
from kronstream.cli.client.exits import Exit, Failure, visible
from kronstream.cli.client.names import run_path
from kronstream.cli.instants import lasted

OVER = frozenset({"success", "failed", "cancelled", "skipped", "dead"})
SOONEST, LATEST = 0.1, 2.0


@dataclass
class Pursuit:
    """Asks for one execution until it is over; `seconds` at most (0: without end)."""

    api: Api
    run: str
    seconds: float = 0.0
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep

    def until_over(self, seen: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """The record once the run is over; `seen` is given every one before, and that. Raises Failure."""
        deadline, wait = self.clock() + self.seconds, SOONEST
        while True:
            found: dict[str, Any] = self.api.get(run_path(self.run), about=self.run)
            seen(found)
            if found["status"] in OVER:
                return found
            if self.seconds and self.clock() > deadline:
                raise Failure(
                    Exit.TIMEOUT,
                    f"{self.run} is {found['status']} after {self.seconds:.0f} s and goes on; `kronstream logs -f "
                    f"{self.run}` follows it, `kronstream cancel {self.run}` ends it",
                )
            self.pause(wait)
            wait = min(LATEST, wait * 1.3)


class Tail:
    """Prints what is new in the output of an execution, of which a record keeps the tail."""

    def __init__(self) -> None:
        self._known = ""

    def __call__(self, run: dict[str, Any]) -> None:
        """Print what was not there the last time."""
        text = run.get("output") or ""
        fresh = text[_overlap(self._known, text) :]
        if fresh:
            click.echo(shown(fresh), nl=False)
        self._known = text


def _overlap(before: str, after: str) -> int:
    """How much of the beginning of a tail was in the one before: the longest end of that which it begins with."""
    if after.startswith(before):
        return len(before)
    for size in range(min(len(before), len(after)), 0, -1):
        if before.endswith(after[:size]):
            return size
    return 0


def shown(text: str) -> str:
    """What a program printed, without what would steer a terminal, where there is one."""
    import sys

    if not sys.stdout.isatty():
        return text
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)


def outcome(run: dict[str, Any]) -> str:
    """How it ended, in a line."""
    error = run.get("error") or {}
    why = error.get("message") or run.get("reason") or ""
    took = lasted(run.get("duration_ms"))
    return visible(f"{run['id']}: {run['status']}{f' after {took}' if took else ''}{f' ({why})' if why else ''}")


def ended(run: dict[str, Any]) -> None:
    """Raises Failure for a run that did not succeed."""
    if run["status"] != "success":
        raise Failure(Exit.FAILED, outcome(run))
