"""Whether Redis can be used by a part that serves what it holds, looked at again and again."""

import asyncio
import logging
import time
from typing import Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from kronstream.streams.connection import verify
from kronstream.streams.ownership import Foreign, Ownership
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

LOOK = 2.0


class Vitals(Protocol):
    """Who counts how Redis answers."""

    def answered(self, seconds: float) -> None:
        """It answered."""
        ...

    def away(self) -> None:
        """It did not, or cannot be used."""
        ...


class Suitability:
    """``fault`` says why Redis cannot be used, '' where it can; ``foreign`` whose the data is where it is another
    installation's: nothing of it may be told then.
    """

    def __init__(self, redis: Redis, ownership: Ownership, vitals: Vitals | None = None) -> None:
        self._redis = redis
        self._ownership = ownership
        self._vitals = vitals
        self._away = Trouble(log, "Redis cannot be used")
        self._others = Trouble(log, "nothing of Redis is told")
        self.fault = "Redis was not looked at yet"
        self.foreign = ""

    async def run(self) -> None:
        """Look every two seconds until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Look once. What is known of whose the data is stays while Redis is away."""
        begin = time.monotonic()
        try:
            await verify(self._redis)
            if self._vitals:
                self._vitals.answered(time.monotonic() - begin)
            await self._ownership.look()
            self.fault = self.foreign = ""
            self._away.over()
            self._others.over()
        except Foreign as error:
            self.fault = self.foreign = str(error)
            self._away.over()
            self._others.tell(error)
        except (RedisError, OSError, TimeoutError) as error:
            self.fault = f"Redis cannot be used: {error}"
            if self._vitals:
                self._vitals.away()
            self._away.tell(error)
