"""This machine's clock beside that of Redis, and beside the API server's where answers of it are seen."""

import logging
import time

from redis.asyncio import Redis

from kronstream.clock import DateClock, StoreClock, told
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)


class Clocks:
    """Compares with every look; ``fault`` says by how much ours is off, '' of a good one, and so does the log."""

    def __init__(self, because: str, date: DateClock | None = None) -> None:
        """``because`` goes on after "clocks differ, and"."""
        self._store, self._date = StoreClock(), date
        self._trouble = Trouble(log, f"clocks differ, and {because}")

    @property
    def fault(self) -> str:
        """A line about a clock that is off by more than a second."""
        return told(self._store.skew(), self._date.skew() if self._date else 0)

    async def look(self, redis: Redis) -> None:
        """Ask Redis what time it is. Raises what the client raises."""
        sent = time.monotonic()
        seconds, micros = await redis.time()
        self._store.observe(sent, time.monotonic(), int(seconds) * 1_000_000 + int(micros))
        self._trouble.note(self.fault)
