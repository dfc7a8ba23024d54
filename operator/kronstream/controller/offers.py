"""Which handlers live workers offer."""

import time
from collections.abc import Callable

from kronstream.controller.roster import Roster
from kronstream.ports import Ledger

FIRST_LOOK = 5.0
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
        self._since: float | None = None
        self._told: dict[tuple[str, str], bool | None] = {}

    def offered(self, queue: str, function: str) -> bool | None:
        """Whether a live worker offers the function; None before anything is known."""
        key = (queue, function)
        seen, now = self._seen.get(key), time.monotonic()
        answer: bool | None = seen is not None and now - seen < PATIENCE
        if not answer and (self._since is None or now - self._since < FIRST_LOOK):
            answer = None
        return answer

    async def look(self, changed: Callable[[str], None]) -> None:
        """Read the cards; ``changed`` is called with every job whose answer is another one than before."""
        cards = await self._ledger.workers()
        now = time.monotonic()
        if self._since is None:
            self._since = now
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
