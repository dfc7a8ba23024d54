"""Handlers for the tests of running one locally."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from kronstream.handlers import Permanent, RetryAfter, Run, handler


@handler("trial:add")
def add(left: int, right: int = 1) -> dict[str, int]:
    print("adding")
    return {"sum": left + right}


@handler("trial:add_async")
async def add_async(left: int, right: int = 1) -> dict[str, int]:
    print("adding")
    await asyncio.sleep(0)
    return {"sum": left + right}


@handler("trial:told")
def told(run: Run) -> dict[str, Any]:
    run.progress(0.25, "a quarter", {"rows": 1})
    run.logger.info("still here")
    run.progress(1)
    last = run.last_success
    return {"attempt": run.attempt, "of": run.max_attempts, "last": last and last.result, "left": run.remaining > 0}


@handler("trial:quarter")
def quarter(run: Run) -> None:
    run.progress(0.25, "a quarter", {"rows": 1})


@handler("trial:fails")
def fails(how: str = "") -> None:
    if how == "permanent":
        raise Permanent("no such customer")
    if how == "later":
        raise RetryAfter(90)
    if how == "exit":
        raise SystemExit(3)
    raise ValueError("on purpose")


@handler("trial:hoards")
def hoards(payload: Any) -> int:
    return len(bytearray(payload << 20))


@handler("trial:sleeps")
async def sleeps(seconds: float) -> None:
    await asyncio.sleep(seconds)


@handler("trial:shows")
def shows(payload: Any) -> None:
    """Prints, then waits."""
    print("first words", flush=True)
    time.sleep(payload)
