"""Which handlers live workers offer."""

import asyncio
import time
from collections.abc import Callable

from kronstream.controller.job import Job
from kronstream.controller.roster import Roster
from kronstream.ports import Ledger

PATIENCE = 15.0
CHUNK = 1000


class Offers:
    """Functions by queue, as the cards of live workers tell.

    A function that was there counts as offered for a while after its last worker went, so that a rolling restart of
    the workers is not written into every status.
    """

    def __init__(self, ledger: Ledger, roster: Roster) -> None:
        self._ledger = ledger
        self._roster = roster
        self._seen: dict[tuple[str, str], float] = {}
        self._looked = False

    def offered(self, queue: str, function: str) -> bool | None:
        """Whether a live worker offers the function; None before anything is known."""
        key = (queue, function)
        seen = self._seen.get(key)
        if not self._looked:
            return None
        return seen is not None and time.monotonic() - seen < PATIENCE

    async def look(self, changed: Callable[[str], None]) -> None:
        """Read the cards; ``changed`` is called with every job whose status says otherwise, whoever wrote it."""
        cards = await self._ledger.workers()
        now = time.monotonic()
        self._looked = True
        for card in cards:
            for queue in card.queues:
                for function in card.functions:
                    self._seen[queue, function] = now
        self._seen = {key: at for key, at in self._seen.items() if now - at < 10 * PATIENCE}
        for number, job in enumerate(self._roster):
            if number % CHUNK == CHUNK - 1:
                await asyncio.sleep(0)  # what is due goes first
            told = _told(job)
            if told is not None and told != str(self.offered(job.queue, job.function)):
                changed(job.uid)


def _told(job: Job) -> str | None:
    """What the job's status says: True, False or Unknown; None where it has none yet, or cannot have an answer."""
    if job.fault is not None:
        return None
    return next((str(c.get("status")) for c in job.conditions if c.get("type") == "HandlerAvailable"), None)
