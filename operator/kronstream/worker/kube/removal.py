"""Deleting what a run that was cancelled has begun, also while the API server is away and after the run's end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context

from kronstream.cluster import refusal
from kronstream.cluster.api import ApiError
from kronstream.worker.backoff import Backoff

SOON = 2.0  # seconds that an attempt waits for it
LONGEST = 300.0  # seconds until it is given up

log = logging.getLogger(__name__)


class Removals:
    """Deletions that are under way."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, what: str, delete: Callable[[], Awaitable[None]]) -> None:
        """Delete; returns when it is done, or after two seconds, while it is tried again."""
        # in a context of its own: it belongs to no attempt any more
        task = asyncio.create_task(self._persist(what, delete), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task}, timeout=SOON)

    async def close(self) -> None:
        """Give what is under way two more seconds."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=SOON)
        for task in self._tasks:
            task.cancel()

    async def _persist(self, what: str, delete: Callable[[], Awaitable[None]]) -> None:
        backoff = Backoff(f"delete {what}")
        try:
            async with asyncio.timeout(LONGEST):
                while True:
                    try:
                        await delete()
                    except Exception as error:
                        refused = isinstance(error, ApiError) and refusal.lacks_right(error)
                        if not refused and not refusal.away(error):
                            raise
                        await asyncio.sleep(backoff.failed(error))
                    else:
                        return
        except Exception as error:  # noqa: BLE001 - nobody waits for it any more
            log.warning("%s is not deleted (%s: %s)", what, type(error).__name__, str(error)[:500])
