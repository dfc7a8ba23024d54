"""Handlers for trying: `echo`, `sleep` and `fail`."""

from __future__ import annotations

import asyncio
from typing import Any

from kronstream.handlers import Run, handler


@handler("echo")
async def echo(payload: Any) -> Any:
    """Returns its payload."""
    return payload


@handler("sleep")
async def sleep(payload: Any) -> dict[str, float]:
    """Sleeps `seconds` (1), tells how long."""
    seconds = float(payload.get("seconds", 1)) if isinstance(payload, dict) else 1.0
    await asyncio.sleep(seconds)
    return {"slept": seconds}


@handler("fail")
async def fail(payload: Any, run: Run) -> dict[str, int]:
    """Raises with `message`; with `times`, only in that many first attempts."""
    options = payload if isinstance(payload, dict) else {}
    if run.attempt <= int(options.get("times", run.attempt)):
        raise RuntimeError(str(options.get("message", "asked to fail")))
    return {"attempt": run.attempt}
