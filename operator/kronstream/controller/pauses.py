"""Pauses of namespaces and of the whole installation, as every replica knows them."""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from typing import Literal

from kronstream.clock import StoreClock
from kronstream.controller.looking import look_every
from kronstream.controller.replicas import Replicas
from kronstream.controller.roster import Roster
from kronstream.ports import Ledger, Pause
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

LOOK = 1.0
CHUNK = 1000
ALL = "*"
Scope = Literal["Namespace", "Installation"]


def in_force(known: Mapping[str, tuple[Pause, ...]], now: int) -> frozenset[tuple[str, Pause]]:
    """Of known pauses those that hold jobs now, each with its scope."""
    return frozenset((scope, pause) for scope, pauses in known.items() for pause in pauses if pause.covers(now))


def _nobody(uid: str) -> None:
    """Stands where the composition puts who writes a job's status."""


class Pauses:
    """What the store was told, looked at every second.

    ``changed`` is called with every job whose status says otherwise.
    """

    def __init__(self, ledger: Ledger, roster: Roster, clock: StoreClock, replicas: Replicas) -> None:
        self._ledger = ledger
        self._roster = roster
        self._clock = clock
        self._replicas = replicas
        self.changed: Callable[[str], None] = _nobody
        self._known: Mapping[str, tuple[Pause, ...]] = {}
        self._in_force: frozenset[tuple[str, Pause]] = frozenset()

    def of(self, namespace: str, now: int) -> tuple[Scope, Pause] | None:
        """The pause that holds the jobs of a namespace now; of several the one that ends last, the installation's
        before the namespace's."""
        scopes: tuple[tuple[Scope, str], ...] = (("Installation", ALL), ("Namespace", namespace))
        found = [(scope, pause) for scope, name in scopes for pause in self._known.get(name, ()) if pause.covers(now)]
        return max(found, key=lambda each: math.inf if each[1].until is None else each[1].until, default=None)

    async def run(self) -> None:
        """Look until cancelled."""
        trouble = Trouble(log, "reading the pauses failed, tried again")
        await look_every(LOOK, self._replicas.open, self.look, trouble)

    async def look(self) -> None:
        """Read the pauses once; one that begins or ends changes the status of every job that it holds."""
        self._known = await self._ledger.declared_pauses()
        holding = in_force(self._known, self._clock.now())
        touched = {scope for scope, _ in holding ^ self._in_force}
        self._in_force = holding
        if not touched:
            return
        for number, job in enumerate(self._roster):
            if number % CHUNK == CHUNK - 1:
                await asyncio.sleep(0)  # what is due goes first
            if ALL in touched or job.namespace in touched:
                self.changed(job.uid)
