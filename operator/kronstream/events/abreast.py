"""Whether what is in force in the store is in force in this router."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from kronstream.events.adopting import Adopting
from kronstream.events.table import Table
from kronstream.ports import Effects, Entered

log = logging.getLogger(__name__)

PAGE = 500
BROUGHT = 0.25  # seconds in which the watch brings what another router has heard of already
PATIENCE = 10.0  # seconds; an API server that is away must not hold up events for handlers that are known


class Abreast:
    """A handler that is told to be ready must miss no event, whichever router reads it.

    Each router watches by itself, and one may be behind another that has told the store, and people, that a generation
    is in force. Before it judges events it asks the store what came into force since it last asked, and waits for that.
    """

    def __init__(self, effects: Effects, table: Table, adopting: Adopting, covers: Callable[[str], bool]) -> None:
        """``covers`` tells the namespaces whose handlers this router looks after."""
        self._effects = effects
        self._table = table
        self._adopting = adopting
        self._covers = covers
        self._stirred = asyncio.Event()
        self._one = asyncio.Lock()
        self.turn = 0

    def stirred(self) -> None:
        """The table changed."""
        self._stirred.set()

    def lost(self) -> None:
        """The store was lost, and its turns begin anew."""
        self.turn = 0

    async def reach(self) -> bool:
        """Return once every generation that was in force when this was called is in force here.

        False where some could not be had from the API server in `PATIENCE`: they come into force when they can be, and
        nobody waits for them again. Raises what redis-py raises.
        """
        async with self._one:
            begin = time.monotonic()
            late: list[Entered] = []
            more = True
            while more:
                roll = await self._effects.roll(self.turn, PAGE)
                late += await self._wait(roll.entered, begin)
                self.turn, more = roll.turn, roll.more
            self._tell(late)
            return not late

    async def _wait(self, entered: Sequence[Entered], begin: float) -> list[Entered]:
        """Those that are not in force here though `PATIENCE` is over since ``begin``."""
        asked: set[str] = set()
        while True:
            self._stirred.clear()
            missing = [one for one in entered if not self._here(one, asked)]
            waited = time.monotonic() - begin
            if missing and waited >= BROUGHT:
                self._ask(missing, asked)
            if not missing or waited >= PATIENCE:
                return missing
            try:
                async with asyncio.timeout(BROUGHT):
                    await self._stirred.wait()
            except TimeoutError:
                continue

    def _here(self, one: Entered, asked: set[str]) -> bool:
        """Whether it, or what came after it, is in force here; what was asked for and is not there is gone."""
        known = self._table.get(one.uid)
        if (known is not None and known.generation >= one.generation) or not self._covers(one.namespace):
            return True
        return one.uid in asked and not self._adopting.awaits(one.uid)

    def _ask(self, missing: Sequence[Entered], asked: set[str]) -> None:
        for one in missing:
            if one.uid not in asked:
                asked.add(one.uid)
                self._adopting.refresh(one.uid, one.namespace, one.name)

    def _tell(self, missing: Sequence[Entered]) -> None:
        if not missing:
            return
        first = missing[0]
        log.warning(
            "%d event handler(s) that are in force cannot be read from the API server, and what comes meanwhile passes "
            "them by: %s/%s%s",
            len(missing), first.namespace, first.name, " and others" if len(missing) > 1 else "",
        )  # fmt: skip
