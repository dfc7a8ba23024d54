"""Carrying backfills on: whoever began one may be gone."""

import asyncio
import logging

from redis.exceptions import RedisError

from kronstream.controller.conditions import told, verdict_for
from kronstream.controller.replicas import Replicas
from kronstream.controller.roster import Roster
from kronstream.domain.run import Trigger
from kronstream.operations import Backfills, Refused
from kronstream.ports import Backfill, Epoch, Ledger
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

LOOK = 0.5
STEPS = 100


class Backfilling:
    """Steps the backfills of this replica's share of jobs."""

    def __init__(self, roster: Roster, ledger: Ledger, backfills: Backfills, replicas: Replicas) -> None:
        self._roster = roster
        self._ledger = ledger
        self._backfills = backfills
        self._replicas = replicas
        self._misfit = Trouble(log, "a backfill cannot be carried on (cancel it?)")

    async def run(self) -> None:
        """Step until cancelled."""
        trouble = Trouble(log, "backfills have to wait")
        while True:
            await self._replicas.open.wait()
            stepped = 0
            try:
                stepped = await self._round()
                trouble.over()
            except Epoch:
                self._replicas.reject()
            except (RedisError, OSError, TimeoutError) as error:
                trouble.tell(error)
            await asyncio.sleep(0 if stepped else LOOK)

    async def _round(self) -> int:
        """One step of every backfill that wants one; how many started a run or ended."""
        stepped = 0
        for backfill in await self._backfills.due(STEPS):
            if self._replicas.owns(backfill.uid):
                try:
                    answer = await self._step(backfill)
                except Refused as refused:
                    self._misfit.tell(f"{backfill.id} of job {backfill.uid}: {refused}")
                    continue  # the others go on
                stepped += answer in ("ok", "done")
        return stepped

    async def _step(self, backfill: Backfill) -> str:
        job = self._roster.get(backfill.uid)
        if job is None or job.condition is None:
            return await self._backfills.step(self._replicas.epoch, backfill, lambda _: True)
        last = told((await self._ledger.lasts([job.uid]))[0])
        return await self._backfills.step(
            self._replicas.epoch, backfill, lambda at: verdict_for(job, at, Trigger.BACKFILL, last).holds
        )
