"""Handlers that leave a line in a file when an attempt begins, succeeds and is over: what really happened.

The file, named by WITNESS, outlives Redis; one write of a line is never torn.
"""

import asyncio
import json
import os
import time
from typing import Any

from kronstream.handlers import Run, handler


def tell(event: str, run: Run) -> None:
    line = {
        "event": event,
        "run": run.id,
        "nominal": round(run.nominal.timestamp() * 1000),
        "attempt": run.attempt,
        "at": time.time_ns() // 1_000_000,
        "worker": os.environ.get("KRONSTREAM_CONSUMER_NAME", ""),
        "pid": os.getpid(),
    }
    file = os.open(os.environ["WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, json.dumps(line).encode() + b"\n")
    finally:
        os.close(file)


@handler("witness:note")
async def note(payload: dict[str, Any], run: Run) -> int:
    """Takes `seconds`, fails in the first `failures` attempts."""
    tell("began", run)
    try:
        await asyncio.sleep(payload.get("seconds", 0))
        if run.attempt <= payload.get("failures", 0):
            raise ConnectionError(f"attempt {run.attempt} hung up")
        tell("ended", run)
    finally:
        tell("left", run)
    return run.attempt


@handler("witness:sync")
def sync(payload: dict[str, Any], run: Run) -> int:
    """The same in a child process."""
    tell("began", run)
    time.sleep(payload.get("seconds", 0))
    tell("ended", run)
    tell("left", run)
    return run.attempt
