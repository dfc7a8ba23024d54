"""Functions of the suite, mounted into the workers from a ConfigMap: each attempt leaves two entries in a stream."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import redis
import redis.asyncio

from kronstream.handlers import Run, handler

STREAM = "e2e:witness"
HOST, PASSWORD = os.environ["WITNESS_HOST"], os.environ["WITNESS_PASSWORD"]

later = redis.asyncio.Redis(host=HOST, password=PASSWORD)


def entry(event: str, run: Run) -> dict[Any, Any]:
    return {
        "event": event,
        "run": run.id,
        "job": run.name,
        "nominal": round(run.nominal.timestamp() * 1000),
        "attempt": run.attempt,
        "pod": os.environ["HOSTNAME"],
    }


@handler("witness:note")
async def note(payload: dict[str, Any], run: Run) -> str:
    """Takes `seconds`."""
    await later.xadd(STREAM, entry("began", run))
    await asyncio.sleep(payload.get("seconds", 0))
    await later.xadd(STREAM, entry("ended", run))
    return os.environ["HOSTNAME"]


@handler("witness:sync")
def sync(payload: dict[str, Any], run: Run) -> str:
    """The same in a child process, which writes where it may and nowhere else."""
    now = redis.Redis(host=HOST, password=PASSWORD)
    now.xadd(STREAM, entry("began", run))
    Path("/tmp", run.id).write_text("scratch")
    time.sleep(payload.get("seconds", 0))
    now.xadd(STREAM, entry("ended", run))
    return os.environ["HOSTNAME"]


@handler("witness:surroundings")
def surroundings() -> dict[str, Any]:
    """What the process may do: its user, its capabilities, whether the root can be written to."""
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    try:
        Path("/written").write_text("")
        writes = True
    except OSError:
        writes = False
    return {
        "uid": os.getuid(),
        "capabilities": [int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")],
        "noNewPrivileges": status["NoNewPrivs"] == "1",
        "writes": writes,
    }
