"""Rooms that live together: when one ends, all do, and the process is started anew."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence

log = logging.getLogger(__name__)

AGAIN = 0.2
PATIENCE = 5.0

Room = Callable[[], Awaitable[None]]


async def live_together(rooms: Sequence[Room]) -> None:
    """Run rooms until one ends or this task is cancelled, then end all of them; a room may be made of rooms.

    A TaskGroup cancels once and waits for ever; a client that swallows the cancellation would keep a replica half
    alive, with heartbeats that make the others leave it its share. Raises what the first one raised.
    """
    ended = await _until(rooms, asyncio.FIRST_COMPLETED)
    for task in ended:
        task.result()
    raise RuntimeError("a room of the process ended without an error")


async def work_together(rooms: Sequence[Room]) -> None:
    """Run rooms until all have ended; the first one that raises ends the others, and so does a cancellation."""
    if rooms:
        for task in await _until(rooms, asyncio.FIRST_EXCEPTION):
            task.result()


async def _until(rooms: Sequence[Room], when: str) -> "Collection[asyncio.Future[None]]":
    this = asyncio.current_task()
    if this is not None and this.cancelling():
        raise asyncio.CancelledError  # which what was awaited before swallowed
    tasks = [asyncio.ensure_future(room()) for room in rooms]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=when)
    finally:
        await end(tasks, PATIENCE)
    return ended


async def end(tasks: Collection["asyncio.Future[None]"], within: float) -> None:
    """Cancel until everyone heard it, for so many seconds at most; a cancellation meanwhile waits for that, too."""
    loop, cancelled = asyncio.get_running_loop(), False
    until = loop.time() + within
    while left := {task for task in tasks if not task.done()}:
        patience = until - loop.time()
        if patience <= 0:
            log.error("%d room(s) do not end: %s", len(left), ", ".join(map(repr, left))[:1000])
            break
        for task in left:
            task.cancel()
        try:
            await asyncio.wait(left, timeout=min(AGAIN, patience))
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
