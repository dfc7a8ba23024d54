"""A handler that tells how many of its kind execute at a time: it writes its begin and its end into a file."""

import asyncio
import os
import time
from pathlib import Path

from kronstream.handlers import Run, handler


@handler("gauge")
async def gauge(payload: dict[str, object], run: Run) -> None:
    """Executes `seconds` (0.2); a line in `file` for begin and end: +1 or -1, the key, the instant."""
    path, key = Path(str(payload["file"])), str(payload.get("key", "-"))
    _note(path, f"+1 {key} {time.time_ns()}")
    try:
        await asyncio.sleep(float(str(payload.get("seconds", 0.2))))
    finally:
        _note(path, f"-1 {key} {time.time_ns()}")


@handler("gauge:die")
async def die(payload: object) -> None:
    """Ends the worker's loop process."""
    os._exit(9)


def _note(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(f"{line}\n")
