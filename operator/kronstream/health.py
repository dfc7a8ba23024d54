"""Whether a process is sick: its parts say that they go on, and whoever asks hears which one stands still.

What only waits for a neighbour (Redis, the API server) rests meanwhile: a restart would not bring the neighbour back.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import NoReturn

LOOP = 30.0  # seconds that an event loop may stand still: a kubelet that waited less would kill a busy one
TURN = 0.5


class Pace:
    """One part's: it says that it goes on, or that it rests. Told in its thread, asked in another."""

    def __init__(self, what: str, longest: float) -> None:
        """``what`` is for the line that tells of it; ``longest`` are the seconds it may take between two steps."""
        self._what = what
        self._longest = longest
        self._at: float | None = None

    def on(self) -> None:
        """A step was made; the next one is due within the bound."""
        self._at = time.monotonic()

    def rest(self) -> None:
        """It waits for others: standing still is no fault."""
        self._at = None

    @property
    def fault(self) -> str:
        """What is wrong, '' while all is well."""
        at = self._at
        still = 0.0 if at is None else time.monotonic() - at
        return f"{self._what} stands still for {still:.0f} s" if still > self._longest else ""


class Health:
    """The check of a liveness probe over some paces; more may join the list later."""

    def __init__(self, paces: Sequence[Pace]) -> None:
        self._paces = paces

    def __call__(self) -> tuple[bool, str]:
        faults = [fault for pace in self._paces if (fault := pace.fault)]
        return not faults, "; ".join(faults) or "ok"


def loop_pace() -> Pace:
    """That of a process' event loop, for ``turn``."""
    return Pace("the event loop", LOOP)


async def turn(pace: Pace) -> NoReturn:
    """Say again and again that the loop turns, until cancelled."""
    while True:
        pace.on()
        await asyncio.sleep(TURN)
