"""Finds what a watch cannot tell: jobs deleted while nobody looked, and objects that changed unnoticed."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from redis.exceptions import RedisError

from kronstream.clock import StoreClock
from kronstream.cluster.api import ApiError
from kronstream.cluster.scheduledjobs import ScheduledJobs
from kronstream.controller.measures import Measures
from kronstream.controller.reconciler import Reconciler
from kronstream.controller.roster import Roster
from kronstream.ports import Ledger
from kronstream.resources.meta import ending
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

SETTLE = 1.0
SECOND_LOOK = 10.0
RETRY = 1.0
CHUNK = 200


def _nothing() -> None:
    """Stands where the composition puts what is done when the API server has answered."""


class Absence:
    """Compares the API server's list with the roster and the store: after every relist and from time to time."""

    def __init__(
        self,
        roster: Roster,
        ledger: Ledger,
        jobs: ScheduledJobs,
        clock: StoreClock,
        reconciler: Reconciler,
        measures: Measures,
        every: float,
    ) -> None:
        self._roster = roster
        self._ledger = ledger
        self._jobs = jobs
        self._clock = clock
        self._reconciler = reconciler
        self._measures = measures
        self._every = every
        self._relisted = asyncio.Event()
        self.answered: Callable[[], None] = _nothing
        self.complete: Callable[[], None] = _nothing
        # why the lists were not compared the last time
        self.fault = ""
        self._unknown: set[str] = set()
        self._absent: set[str] = set()

    def relisted(self) -> None:
        """The watch listed anew."""
        self._relisted.set()

    async def run(self) -> None:
        """Compare until cancelled."""
        trouble = Trouble(log, "comparing the lists failed, tried again")
        self._relisted.set()
        while True:
            try:
                async with asyncio.timeout(self._every):
                    await self._relisted.wait()
                await self._settled()
            except TimeoutError:
                pass
            self._relisted.clear()
            try:
                await self.compare()
                self.fault = ""
                trouble.over()
                self.answered()
            except (RedisError, ApiError, OSError, TimeoutError) as error:
                trouble.tell(error)
                self.fault = str(error) or type(error).__name__
                await asyncio.sleep(RETRY)
                self._relisted.set()

    async def _settled(self) -> None:
        """Until a list, which comes as many events, has come whole: one comparison for all of them."""
        while self._relisted.is_set():
            self._relisted.clear()
            await asyncio.sleep(SETTLE)

    async def compare(self) -> None:
        """One comparison. Only a complete list forgets anything, and only what was adopted before it began."""
        before = self._clock.now()
        known = set(await self._ledger.known())
        listed = {meta["uid"]: meta for meta in await self._jobs.list_metadata()}
        missing = [uid for uid in known if uid not in listed]
        for start in range(0, len(missing), CHUNK):
            uids = [
                state.uid
                for state in await self._ledger.describe(missing[start : start + CHUNK])
                if state is not None and self._jobs.covers(state.namespace)
            ]
            forgotten = await self._ledger.forget(uids, before)
            self._measures.forgotten.inc(forgotten)
            if forgotten:
                log.info("%d job(s) were deleted while nobody watched; forgotten", forgotten)
        self._look_closer(listed, known)

    def _look_closer(self, listed: Mapping[str, Mapping[str, Any]], known: set[str]) -> None:
        """Read again what the roster has otherwise than the list, unless it is on its way already.

        A job that is only in the list gets a second look first: at a start the watch is still bringing them.
        """
        for job in self._roster:
            meta = listed.get(job.uid)
            # forgotten by another replica's comparison, unless it is so new that the list has not got it
            absent = meta is None and (job.uid in known or job.uid in self._absent)
            other = meta is not None and (meta.get("generation", 1) != job.generation or not job.adopted)
            if (absent or other) and not self._reconciler.awaits(job.uid):
                self._reconciler.refresh(job)
        self._absent = {job.uid for job in self._roster if job.uid not in listed}
        unknown = {
            uid
            for uid, meta in listed.items()
            if self._roster.get(uid) is None and not self._reconciler.awaits(uid) and not ending(meta)
        }
        for uid in unknown & self._unknown:
            self._reconciler.discover(uid, listed[uid]["namespace"], listed[uid]["name"])
        if unknown - self._unknown:
            asyncio.get_running_loop().call_later(SECOND_LOOK, self.relisted)
        self._unknown = unknown
        if not unknown and not self._reconciler.backlog:
            self.complete()
