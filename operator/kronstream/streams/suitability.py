"""Whether Redis can be used by a part that serves what it holds, looked at again and again."""

import asyncio
import logging
import time
from typing import Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from kronstream.clock import DateClock
from kronstream.streams.clocks import Clocks
from kronstream.streams.connection import Unsuitable, verify
from kronstream.streams.ownership import Foreign, Ownership
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

LOOK = 2.0
REMIND = 3_600.0


class Vitals(Protocol):
    """Who counts how Redis answers."""

    def answered(self, seconds: float) -> None:
        """It answered."""
        ...

    def away(self) -> None:
        """It did not, or cannot be used."""
        ...


class Caveat:
    """What is to be known of a Redis that may be used: it goes to the log at once and then every hour."""

    def __init__(self) -> None:
        self.text = ""
        self._trouble = Trouble(log, "Redis is used, but", REMIND)

    def note(self, text: str) -> None:
        """What `verify` answered."""
        self.text = text
        self._trouble.note(text)

    def beside(self, line: str) -> str:
        """The line of a part that is ready, with what is to be known behind it."""
        return f"{line}; but {self.text}" if self.text else line


class Suitability:
    """``fault`` says why Redis cannot be used, '' where it can; ``unfit`` what to change where it answers and must not
    be used, and ``foreign`` whose the data is where it is another installation's: nothing of it may be told.
    """

    def __init__(
        self, redis: Redis, ownership: Ownership, vitals: Vitals | None = None, date: DateClock | None = None
    ) -> None:
        """``date`` is the clock of the API server, as this process follows it."""
        self._redis = redis
        self._ownership = ownership
        self._vitals = vitals
        self._away = Trouble(log, "Redis cannot be used")
        self._others = Trouble(log, "nothing of Redis is told")
        self.fault = "Redis was not looked at yet"
        self.foreign = self.unfit = ""
        self.caveat = Caveat()
        self._clocks = Clocks("instants that are told are those of Redis", date)

    def beside(self, line: str) -> str:
        """The line of a part that is ready, with what is to be known behind it."""
        return "; ".join(one for one in (self.caveat.beside(line), self._clocks.fault) if one)

    async def run(self) -> None:
        """Look every two seconds until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Look once. What is known of whose the data is stays while Redis is away."""
        begin = time.monotonic()
        try:
            self.caveat.note(await verify(self._redis))
            if self._vitals:
                self._vitals.answered(time.monotonic() - begin)
            await self._clocks.look(self._redis)
            await self._ownership.look()
            self.fault = self.foreign = self.unfit = ""
            self._away.over()
            self._others.over()
        except Foreign as error:
            self.fault = self.foreign = self.unfit = str(error)
            self._away.over()
            self._others.tell(error)
        except (RedisError, OSError, TimeoutError) as error:
            self.fault = f"Redis cannot be used: {error}"
            self.unfit = str(error) if isinstance(error, Unsuitable) else ""
            if self._vitals:
                self._vitals.away()
            self._away.tell(error)
