"""Handlers that tell the test what they were called with, and handlers that misbehave.

`probe:…` append "run|nominal|attempt|now|process id" to a Redis list (instants in milliseconds) as their first act;
`probe:span` appends "run|begin|end|how" to another as its last one.
"""

import asyncio
import os
import sys
import time
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from kronstream.handlers import Run, handler

SEEN = "probe:seen"
SPANS = "probe:spans"
URL = os.environ.get("PROBE_REDIS_URL", "")
_client: AsyncRedis | None = None


def line(run: Run) -> str:
    nominal = round(run.nominal.timestamp() * 1000)
    return f"{run.id}|{nominal}|{run.attempt}|{time.time_ns() // 1_000_000}|{os.getpid()}"


async def tell(run: Run, where: str = SEEN, what: str | None = None) -> None:
    global _client  # noqa: PLW0603 - one connection of the loop process
    _client = _client or AsyncRedis.from_url(URL)
    await _client.rpush(where, what or line(run))


@handler("probe:note")
async def note(payload: Any, run: Run) -> Any:
    """Notes its call and returns the payload."""
    await tell(run)
    return payload


@handler("probe:sleep")
async def sleep(payload: dict[str, Any], run: Run) -> Any:
    """Notes its call, then sleeps `seconds`."""
    await tell(run)
    await asyncio.sleep(payload["seconds"])
    return payload


@handler("probe:span")
async def span(payload: dict[str, Any], run: Run) -> Any:
    """Notes its call, sleeps `seconds`, and tells when it began and ended, also when it was cancelled."""
    begin, how = time.time_ns() // 1_000_000, "cancelled"
    await tell(run)
    try:
        await asyncio.sleep(payload["seconds"])
        how = "done"
    finally:
        await tell(run, SPANS, f"{run.id}|{begin}|{time.time_ns() // 1_000_000}|{how}")
    return payload


@handler("probe:flaky")
async def flaky(payload: dict[str, Any], run: Run) -> Any:
    """Fails in the first `failures` attempts."""
    await tell(run)
    if run.attempt <= payload["failures"]:
        raise ConnectionError(f"attempt {run.attempt} hung up")
    return run.attempt


@handler("probe:sync")
def sync(payload: Any, run: Run) -> Any:
    """Notes its call from a child process and prints."""
    with Redis.from_url(URL) as redis:
        redis.rpush(SEEN, line(run))
    print("said by the handler")
    return payload


@handler("probe:raise")
async def fails(payload: Any) -> Any:
    """Raises."""
    raise ValueError("the cellar is flooded")


@handler("probe:object")
async def no_json(payload: Any) -> Any:
    """Returns what is not JSON."""
    return object()


@handler("probe:large")
async def large(payload: Any) -> Any:
    """Returns more than a record holds."""
    return "x" * 200_000


@handler("probe:hoard")
def hoard(payload: Any) -> int:
    """Asks for more memory than there is."""
    return len(bytearray(10**11))


@handler("probe:typed")
async def typed(days: int) -> int:
    """Wants a payload that it does not get."""
    return days


@handler("probe:exit")
def leaves(payload: Any) -> Any:
    """Ends its process."""
    os._exit(7)


@handler("probe:exit-async")
async def leaves_async(payload: Any) -> Any:
    """Asks its process to end."""
    sys.exit(7)


@handler("probe:endless")
def endless(payload: Any) -> Any:
    """Never ends."""
    while True:
        time.sleep(0.05)


@handler("probe:endless-async")
async def endless_async(payload: Any) -> Any:
    """Never ends, without holding anybody up."""
    while True:
        await asyncio.sleep(1)


@handler("probe:kill")
async def kills(payload: Any) -> Any:
    """Takes the worker's loop process along."""
    os._exit(7)
