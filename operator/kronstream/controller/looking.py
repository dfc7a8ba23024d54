"""Looking again and again, for as long as the store is open."""

import asyncio
from collections.abc import Awaitable, Callable

from redis.exceptions import RedisError

from kronstream.cluster.api import ApiError
from kronstream.trouble import Trouble


async def look_every(
    seconds: float, opened: asyncio.Event, look: Callable[[], Awaitable[None]], trouble: Trouble
) -> None:
    """Look until cancelled; a store or an API server that is away, or forbids everything as one that has just started
    does, is told as a trouble, and looked at again."""
    while True:
        await opened.wait()
        try:
            await look()
            trouble.over()
        except (RedisError, ApiError, OSError, TimeoutError) as error:
            trouble.tell(error)
        await asyncio.sleep(seconds)
