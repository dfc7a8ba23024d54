"""What attempts read and write of the store while they execute: the last success's result, their progress."""

from __future__ import annotations

import asyncio
from typing import Protocol

from kronstream.ports import Claim
from kronstream.worker.backoff import Backoff
from kronstream.worker.progress import Pace


class Results(Protocol):
    """The part of RunQueue that is needed here."""

    async def result(self, run: str) -> str | None:
        """See RunQueue."""
        ...


class Reports(Protocol):
    """The part of Externals that is needed here."""

    async def progress(self, run: str, token: str, progress: str) -> bool:
        """See Externals."""
        ...


class Notes:
    """On a store's run queue and externals."""

    def __init__(self, queue: Results, externals: Reports) -> None:
        self._queue = queue
        self._externals = externals

    async def last_result(self, claim: Claim) -> str | None:
        """What the job's last successful run returned (JSON text), None where the history has it no more.

        Waits for a store that does not answer: a handler that is told nothing might begin from the start. The attempt's
        timeout ends it.
        """
        last = claim.last_success
        if last is None or not last.has_result:
            return None
        backoff = Backoff("read the last result of a job")
        while True:
            try:
                return await self._queue.result(last.run)
            except Exception as error:  # noqa: BLE001 - whatever the store says
                await asyncio.sleep(backoff.failed(error))

    def pace(self, claim: Claim) -> Pace:
        """The progress of one attempt on its way."""
        return Pace(lambda line: self._externals.progress(claim.run, claim.token, line))
