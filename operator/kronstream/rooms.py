"""Rooms that live together: when one ends, all do, and the process is started anew."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

log = logging.getLogger(__name__)

AGAIN = 0.2
PATIENCE = 5.0

Room = Callable[[], Awaitable[None]]


async def live_together(rooms: Sequence[Room]) -> None:
    """Run rooms until one ends or this task is cancelled, then end all of them.

    A TaskGroup cancels once and waits for ever; a client that swallows the cancellation would keep a replica half
    alive, with heartbeats that make the others leave it its share. Raises what the first one raised.
    """
    tasks = [asyncio.ensure_future(room()) for room in rooms]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _end(tasks)
    for task in ended:
        task.result()
    raise RuntimeError("a room of the process ended without an error")


async def _end(tasks: Sequence["asyncio.Future[None]"]) -> None:
    """Cancel until everyone heard it, for five seconds at most."""
    left = {task for task in tasks if not task.done()}
    for _ in range(int(PATIENCE / AGAIN)):
        for task in left:
            task.cancel()
        if not left:
            return
        _, left = await asyncio.wait(left, timeout=AGAIN)
    log.error("%d room(s) do not end: %s", len(left), ", ".join(map(repr, left))[:1000])
