"""Callers that go away before they are answered: what they asked for is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

LOOK = 0.05
"""Seconds after which it is looked for at all: most requests are answered by then, and cost nothing here."""


class Departure:
    """Cancels the task that made it once its caller has gone; whoever is cancelled asks ``told`` whether for that."""

    def __init__(self, receive: Callable[[], Awaitable[Any]], gone: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        self._receive = receive
        self._gone = gone
        self._owner = asyncio.current_task()
        self._watching: asyncio.Task[None] | None = None
        self._begin = loop.call_later(LOOK, self._watch, loop)

    def told(self) -> bool:
        """Whether the cancellation was for this, and for nothing else; it counts as answered then."""
        return self._gone.is_set() and self._owner is not None and self._owner.uncancel() == 0

    def close(self) -> None:
        """The request is over."""
        self._begin.cancel()
        if self._watching is not None:
            self._watching.cancel()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._watching = loop.create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone.set()
        if self._owner is not None:
            self._owner.cancel()
