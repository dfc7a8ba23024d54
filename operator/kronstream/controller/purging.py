"""Purges the history of deleted namespaces: who makes another one of that name later does not see it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from redis.exceptions import RedisError

from kronstream.cluster.api import ApiError
from kronstream.cluster.namespaces import Namespace
from kronstream.ports import Ledger
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

SETTLE = 0.5
AGAIN = 5.0
CHUNK = 1_000


class Finder(Protocol):
    """Tells of namespaces."""

    async def get(self, name: str) -> Namespace | None:
        """One namespace, None when there is none."""
        ...


class Purging:
    """Looks after jobs were forgotten, every few seconds while a namespace goes, and from time to time."""

    def __init__(self, ledger: Ledger, namespaces: Finder, covers: Callable[[str], bool], every: float) -> None:
        self._ledger = ledger
        self._namespaces = namespaces
        self._covers = covers
        self._every = every
        self._forgotten = asyncio.Event()

    def forgotten(self) -> None:
        """Jobs were deleted: their namespace may be, too."""
        self._forgotten.set()

    async def run(self) -> None:
        """Look until cancelled."""
        trouble = Trouble(log, "the history of deleted namespaces cannot be purged, tried again")
        pause = 0.0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._forgotten.wait()
            await asyncio.sleep(SETTLE)
            self._forgotten.clear()
            try:
                pause = AGAIN if await self.look() else self._every
                trouble.over()
            except (RedisError, ApiError, OSError, TimeoutError) as error:
                trouble.tell(error)
                pause = AGAIN

    async def look(self) -> bool:
        """One look; whether something is left that must go."""
        left = 0
        for name in await self._ledger.past():
            if not self._covers(name):
                continue
            found = await self._namespaces.get(name)
            # what was there before the namespace belonged to another one of its name
            left += await self._purge(name, None if found is None or found.ending else found.created)
        return left > 0

    async def _purge(self, namespace: str, before: int | None) -> int:
        taken = 0
        while True:
            count, left = await self._ledger.purge(namespace, before, CHUNK)
            taken += count
            if count == 0 or left == 0:
                break
        if taken:
            log.info("namespace %s was deleted: %d execution(s) of its jobs were purged", namespace, taken)
        return left
