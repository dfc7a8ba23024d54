"""Handlers that do nothing, for the worker that is measured."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from kronstream.handlers import Run, handler

LATENESS = "BENCH_LATENESS"
"""Variable with the file to which `bench:late` writes."""


@handler("bench:async")
async def nothing(payload: Any) -> Any:
    """Returns its payload."""
    return payload


@handler("bench:broken")
async def broken() -> None:
    """Fails."""
    raise ValueError("there is no such table: traces")


@handler("bench:sync")
def nothing_blocking(payload: Any) -> Any:
    """Returns its payload, in a child process."""
    return payload


@handler("bench:late")
async def late(run: Run) -> None:
    """Writes a line: the nominal time and the present instant, in nanoseconds."""
    now = time.time_ns()
    nominal = round(run.nominal.timestamp() * 1000) * 1_000_000
    with Path(os.environ[LATENESS]).open("a") as lines:
        lines.write(f"{nominal} {now}\n")


@handler("bench:event")
async def came(payload: dict[str, Any]) -> None:
    """Writes a line: when the event was sent and the present instant, in nanoseconds."""
    with Path(os.environ[LATENESS]).open("a") as lines:
        lines.write(f"{payload['event_data']['sent']} {time.time_ns()}\n")
