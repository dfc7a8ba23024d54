"""Handlers of the jobs that the API's tests make."""

import asyncio
import os
import time
from typing import Any

from kronstream.handlers import handler


@handler("cleanup:old_traces")
async def old_traces(payload: dict[str, Any]) -> dict[str, int]:
    """What the contract's sample returns."""
    assert payload["retention_days"] >= 0
    return {"records_cleaned": 1000}


@handler("api:echo")
async def echo(payload: Any) -> Any:
    """Returns its payload."""
    return payload


@handler("api:fail")
async def fail(payload: Any) -> None:
    """Fails."""
    raise ValueError(f"no good: {payload}")


@handler("api:sleep")
async def sleep(payload: dict[str, float]) -> str:
    """Takes its time."""
    await asyncio.sleep(payload["seconds"])
    return "slept"


@handler("api:talk")
def talk(payload: dict[str, Any]) -> None:
    """Says what it is told to, and fails where it is told to."""
    print(payload["words"], flush=True)
    if payload.get("fail"):
        raise ValueError("as it was told")


@handler("api:kill")
async def kill(payload: Any) -> None:
    """Takes the loop process along."""
    os._exit(7)


@handler("api:block")
async def block(payload: dict[str, float]) -> None:
    """Holds up the loop that it shares with others."""
    time.sleep(payload["seconds"])
