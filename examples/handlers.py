"""Handlers for the examples: `kronstream worker --handlers examples/handlers.py`.

A handler is a function under a name. Its parameters get the keys of the job's payload, read as their types, and the
run. What it returns, any JSON, is kept as the run's result; what it prints is kept as the run's output; what it raises
fails the attempt. docs/handlers.md tells all of it.
"""

import asyncio
from typing import Any

from kronstream.handlers import Run, handler


@handler("examples:report")
def report(report: str, days: int = 1) -> dict[str, Any]:
    """A plain function: it runs in a process of its own, so it may block, and is killed when its time is up."""
    total = sum(day * day for day in range(days * 1_000))
    print(f"the {report} report covers {days} day(s)")
    return {"report": report, "total": total}


@handler("examples:flaky")
async def flaky(failures: int, run: Run) -> dict[str, Any]:
    """Fails as often as the payload says, then succeeds."""
    if run.attempt <= failures:
        raise ConnectionError(f"attempt {run.attempt}: the other side hung up")
    return {"attempts": run.attempt}


@handler("cleanup:artifacts")
async def cleanup_artifacts(retention_days: int, event_data: dict[str, Any], event_name: str) -> dict[str, Any]:
    """For examples/eventhandler.yaml: beside the payload that the action says there is the event."""
    print(f"{event_name}: artifacts of workflow {event_data['workflow_id']} older than {retention_days} days go")
    return {"workflow": event_data["workflow_id"]}


@handler("examples:slow")
async def slow(seconds: float) -> dict[str, Any]:
    """An async function: it shares a loop with others, so it waits without holding anybody up."""
    print(f"this takes {seconds:g} s")
    await asyncio.sleep(seconds)
    return {"slept": seconds}
