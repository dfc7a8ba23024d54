"""Which handlers live workers offer."""

import time
from collections.abc import Callable

from kronstream.controller.roster import Roster
from kronstream.ports import Ledger

PATIENCE = 15.0


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
        self._told: dict[tuple[str, str], bool | None] = {}

    def offered(self, queue: str, function: str) -> bool | None:
        """Whether a live worker offers the function; None before anything is known."""
        key = (queue, function)
        seen = self._seen.get(key)
        if not self._looked:
            return None
        return seen is not None and time.monotonic() - seen < PATIENCE

    async def look(self, changed: Callable[[str], None]) -> None:
        """Read the cards; ``changed`` is called with every job whose answer is another one than before."""
        cards = await self._ledger.workers()
        now = time.monotonic()
        self._looked = True
        for card in cards:
            for function in card.functions:
                self._seen[card.queue, function] = now
        self._seen = {key: at for key, at in self._seen.items() if now - at < 10 * PATIENCE}
        asked = {(job.queue, job.function) for job in self._roster if job.fault is None}
        answers = {key: self.offered(*key) for key in asked}
        different = {key for key, answer in answers.items() if key in self._told and self._told[key] != answer}
        self._told = answers
        if different:
            for job in self._roster:
                if (job.queue, job.function) in different:
                    changed(job.uid)
