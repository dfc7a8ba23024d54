"""Finding another live worker for a function that this one does not offer."""

from __future__ import annotations

import random
import time

from kronstream.domain.run import Reason
from kronstream.ports import Claim, Failure, RunQueue, WorkerCard
from kronstream.worker.outcome import Ended

FRESH = 1.0  # seconds that an answer about the other workers is used for
SURE = 0.05  # the same, where it makes a run fail: a worker may have come since
NAMED = 20


class Handover:
    """Gives claims to workers that offer their function. `card` is the giver's."""

    def __init__(self, queue: RunQueue, card: WorkerCard) -> None:
        self._queue = queue
        self._card = card
        self._others: list[WorkerCard] = []
        self._asked = float("-inf")

    async def place(self, claim: Claim) -> bool:
        """Hand a claim over; False when no live worker of the queue offers its function."""
        function = claim.work.function
        offering = await self._offering(function, FRESH) or await self._offering(function, SURE)
        random.shuffle(offering)
        for consumer in offering:
            if await self._queue.hand_over(self._card, claim, consumer):
                return True
        return False

    async def _offering(self, function: str, age: float) -> list[str]:
        return [card.consumer for card in await self._workers(age) if function in card.functions]

    async def _workers(self, age: float) -> list[WorkerCard]:
        if time.monotonic() - self._asked > age:
            found = await self._queue.workers()
            self._others = [
                card for card in found if card.queue == self._card.queue and card.consumer != self._card.consumer
            ]
            self._asked = time.monotonic()
        return self._others

    def unknown(self, claim: Claim) -> Ended:
        """The failed attempt at a function that nobody offers; names those that are known."""
        is_type = claim.work.function.startswith("@")
        every = set(self._card.functions).union(*(card.functions for card in self._others))
        known = sorted(name for name in every if name.startswith("@") == is_type)
        names = ", ".join(known[:NAMED]) + (f" and {len(known) - NAMED} more" if len(known) > NAMED else "")
        message = (
            f"no live worker of the queue {self._card.queue!r} offers {claim.work.function!r}; "
            f"known are: {names or 'none'}"
        )
        return Ended(None, Reason.UNKNOWN_HANDLER, Failure("UnknownHandler", message))
