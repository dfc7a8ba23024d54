"""Handlers for the examples: `kronstream worker --handlers examples/handlers.py`.

A handler is a function under a name. It gets the job's payload and, when it has a second parameter, the run. What it
returns, any JSON, is kept as the run's result; what it prints is kept as the run's output; what it raises fails the
attempt.
"""

import asyncio
from typing import Any

from kronstream.handlers import Run, handler


@handler("examples:report")
def report(payload: dict[str, Any]) -> dict[str, Any]:
    """A plain function: it runs in a process of its own, so it may block, and is killed when its time is up."""
    total = sum(day * day for day in range(payload["days"] * 1_000))
    print(f"the {payload['report']} report covers {payload['days']} day(s)")
    return {"report": payload["report"], "total": total}


@handler("examples:flaky")
async def flaky(payload: dict[str, Any], run: Run) -> dict[str, Any]:
    """Fails as often as the payload says, then succeeds."""
    if run.attempt <= payload["failures"]:
        raise ConnectionError(f"attempt {run.attempt}: the other side hung up")
    return {"attempts": run.attempt}


@handler("examples:slow")
async def slow(payload: dict[str, Any]) -> dict[str, Any]:
    """An async function: it shares a loop with others, so it waits without holding anybody up."""
    print(f"this takes {payload['seconds']} s")
    await asyncio.sleep(payload["seconds"])
    return {"slept": payload["seconds"]}
