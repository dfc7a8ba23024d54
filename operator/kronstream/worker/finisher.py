"""Sending outcomes to the store until each is accepted or refused; what is ready goes in one call."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from kronstream.domain.run import State
from kronstream.ports import Outcome, RunQueue, WorkerCard
from kronstream.worker.backoff import Backoff
from kronstream.worker.slate import FAILED, PROCESSED, SUCCEEDED, UNSENT, Slate

BATCH = 256


class Finisher:
    """Outcomes on their way; `settled` is called with the token of each that arrived."""

    def __init__(self, queue: RunQueue, card: WorkerCard, slate: Slate, settled: Callable[[str], None]) -> None:
        self._queue = queue
        self._card = card
        self._slate = slate
        self._settled = settled
        self._unsent: deque[Outcome] = deque()
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()
        self._backoff = Backoff("record the ends of runs")
        self._size = BATCH

    @property
    def unsent(self) -> int:
        """How many outcomes the store has not answered for."""
        return len(self._unsent)

    def add(self, outcome: Outcome) -> None:
        """Send an outcome, soon."""
        self._unsent.append(outcome)
        self._some.set()
        self._none.clear()

    async def empty(self) -> None:
        """Wait until everything was sent."""
        await self._none.wait()

    async def run(self) -> None:
        """Send for ever."""
        while True:
            await self._some.wait()
            await self._send([self._unsent[at] for at in range(min(self._size, len(self._unsent)))])
            self._slate[UNSENT] = len(self._unsent)
            if not self._unsent:
                self._some.clear()
                self._none.set()

    async def _send(self, batch: list[Outcome]) -> None:
        try:
            answers = await self._queue.finish(self._card, batch)
        except Exception as error:  # noqa: BLE001 - whatever the store says, no outcome is given up
            delay = self._backoff.failed(error)
            if len(batch) == 1:
                self._unsent.rotate(-1)  # the one the store chokes on does not stand before the others
            self._size = max(1, len(batch) // 2)
            await asyncio.sleep(delay)
            return
        self._backoff.worked()
        self._size = min(BATCH, self._size * 2)
        for outcome, accepted in zip(batch, answers, strict=True):
            self._unsent.popleft()
            if accepted:
                self._count(outcome)
            self._settled(outcome.token)

    def _count(self, outcome: Outcome) -> None:
        slate = self._slate
        slate[PROCESSED] += 1
        if outcome.state is State.SUCCESS:
            slate[SUCCEEDED] += 1
        elif outcome.state in (State.FAILED, State.RETRYING):
            slate[FAILED] += 1
