"""Goes on with orders about many executions: those that begin here at once, those that another replica left a lease
later."""

from __future__ import annotations

import asyncio
import logging

from redis.exceptions import RedisError

from kronstream.operations.bulk import Bulk
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

AWAY = (RedisError, OSError, TimeoutError)
LOOK = 2.0


async def carry(bulk: Bulk, begun: asyncio.Event) -> None:
    """Go on with orders until cancelled."""
    trouble = Trouble(log, "operations on many executions wait")
    while True:
        begun.clear()
        try:
            while await bulk.step():
                pass
            trouble.over()
        except AWAY as error:
            trouble.tell(error)
        try:
            async with asyncio.timeout(LOOK):
                await begun.wait()
        except TimeoutError:
            pass
