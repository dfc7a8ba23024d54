"""Finding another live worker for a function that this one does not offer."""

from __future__ import annotations

import random
import time

from kronstream.domain.naming import some
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

    async def place(self, claim: Claim, queue: str) -> bool:
        """Hand a claim over; False when no live worker of the queue offers its function."""
        function = claim.work.function
        offering = await self._offering(queue, function, FRESH) or await self._offering(queue, function, SURE)
        random.shuffle(offering)
        for consumer in offering:
            if await self._queue.hand_over(self._card, claim, consumer):
                return True
        return False

    async def _offering(self, queue: str, function: str, age: float) -> list[str]:
        others = await self._workers(age)
        return [card.consumer for card in others if queue in card.queues and function in card.functions]

    async def _workers(self, age: float) -> list[WorkerCard]:
        if time.monotonic() - self._asked > age:
            found = await self._queue.workers()
            self._others = [card for card in found if card.consumer != self._card.consumer]
            self._asked = time.monotonic()
        return self._others

    def unknown(self, claim: Claim, queue: str) -> Ended:
        """The failed attempt at a function that nobody offers; names those that are known."""
        others = (card.functions for card in self._others if queue in card.queues)
        # who misspelt a function is not looking for a handler type
        a_type = claim.work.function.startswith("@")
        known = sorted(name for name in set(self._card.functions).union(*others) if name.startswith("@") == a_type)
        names = some(known, NAMED)
        message = f"no live worker of the queue {queue!r} offers {claim.work.function!r}; known are: {names or 'none'}"
        return Ended(None, Reason.UNKNOWN_HANDLER, Failure("UnknownHandler", message))
