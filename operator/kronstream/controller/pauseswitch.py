"""The setting that holds all jobs."""

import asyncio
import logging
from collections.abc import Sequence

from kronstream.controller.looking import look_every
from kronstream.controller.pauses import ALL
from kronstream.controller.replicas import Replicas
from kronstream.ports import Ledger, Pause
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

BY = "setting KRONSTREAM_PAUSED"
SOURCE = "setting"
LOOK = 1.0


class PauseSwitch:
    """Holds what this operator serves for as long as one of its replicas runs with the setting.

    While replicas are replaced one by one, the pause begins with the first that has the setting and ends with the last;
    one that died without a word counts for a minute. When all are gone, it stays as it was. ``told`` is set once it is
    in force: until then nothing should be dispatched.
    """

    def __init__(self, ledger: Ledger, replicas: Replicas, namespaces: Sequence[str], *, paused: bool) -> None:
        self._ledger = ledger
        self._replicas = replicas
        self._paused = paused
        # operators of other namespaces have a setting of their own
        self._source = ":".join((SOURCE, ",".join(sorted(namespaces)))) if namespaces else SOURCE
        self._pauses = {scope: Pause(0, None, BY) for scope in namespaces or (ALL,)}
        self.told = asyncio.Event()
        self._over = False

    async def run(self) -> None:
        """Declare it, or end it, until cancelled."""
        trouble = Trouble(log, f"declaring the pause by {BY} failed, tried again")
        await look_every(LOOK, self._replicas.open, self.look, trouble)

    async def look(self) -> None:
        """Once; raises what Ledger raises."""
        if self._paused:
            # a replica that does not count yet is not asked by the others before they end it
            if self._replicas.counts and await self._ledger.declare_pauses(self._source, self._pauses):
                log.warning("all jobs are held by %s", BY)
        elif self._replicas.held:
            self._over = False
        elif not self._over:
            if await self._ledger.declare_pauses(self._source, {}):
                log.info("no replica has %s any more: the jobs go on", BY)
            self._over = True
        self.told.set()

    async def restore(self, since: int | None = 0) -> None:
        """Declare it anew to a store that was lost or is an older copy; raises what Ledger raises."""
        self._over = False
        if self._paused:
            await self._ledger.declare_pauses(self._source, self._pauses, since)
