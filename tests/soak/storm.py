"""What is done to the workers of a soak, by the dice of a seed."""

from __future__ import annotations

import asyncio
import random
import signal
from dataclasses import dataclass

from kronstream.streams.runqueue import LEASE
from soak.evidence import Evidence, Harm
from soak.fleet import Fleet, Member, thaw
from soak.server import now

ALL = ("supervisor", "loop", "nursery", "child", "other")
WEIGHTS = {"term": 4, "kill": 3, "kill-loop": 2, "kill-child": 3, "freeze": 5, "freeze-long": 2, "freeze-supervisor": 1}
FOR_THE_STEADY = ("kill-child", "freeze", "freeze-long", "freeze-supervisor")
STOP = 32.0  # seconds a worker may take to end: its grace, what it needs to clear up, a blocked loop


@dataclass(frozen=True)
class Weather:
    """Seconds between two harms, and how long freezes last; without long ones no lease ends."""

    pause: tuple[float, float] = (2.0, 8.0)
    short: tuple[float, float] = (1.0, 5.0)
    long: tuple[float, float] | None = (9.0, 15.0)


class Storm:
    """One harm after the other; the long ones go on beside the next, but one worker is always well."""

    def __init__(self, fleet: Fleet, evidence: Evidence, seed: int, weather: Weather) -> None:
        self._fleet = fleet
        self._evidence = evidence
        self._dice = random.Random(seed)
        self._weather = weather
        self._busy: set[str] = set()
        self._lasting: set[asyncio.Task[None]] = set()

    async def rage(self) -> None:
        """Until cancelled; `calm` then."""
        while True:
            await asyncio.sleep(self._dice.uniform(*self._weather.pause))
            well = [member for member in self._fleet.members if member.name not in self._busy]
            if len(well) < 2:
                continue
            member = self._dice.choice(well)
            task = asyncio.create_task(self._harm(member, self._choose(member)))
            self._lasting.add(task)
            task.add_done_callback(self._lasting.discard)

    async def calm(self) -> None:
        """Wait until every harm is over."""
        if self._lasting:
            await asyncio.gather(*self._lasting)

    def _choose(self, member: Member) -> str:
        steady = member is self._fleet.members[0]
        names = [name for name in WEIGHTS if not steady or name in FOR_THE_STEADY]
        if self._weather.long is None:
            names = [name for name in names if name not in ("freeze-long", "freeze-supervisor")]
        return self._dice.choices(names, [WEIGHTS[name] for name in names])[0]

    async def _harm(self, member: Member, what: str) -> None:
        self._busy.add(member.name)
        began = now()
        try:
            if what.startswith("freeze"):
                await self._freeze(member, what)
            elif what in ("kill-loop", "kill-child"):
                self._kill_part(member, what.removeprefix("kill-"))
            else:
                await self._end(member, signal.SIGTERM if what == "term" else signal.SIGKILL)
        finally:
            self._busy.discard(member.name)
            # what a worker handed back, or lost, is begun again a moment later
            until = now() if what.startswith("freeze") else now() + LEASE
            self._evidence.harms.append(Harm(what, member.name, began, until))

    async def _freeze(self, member: Member, what: str) -> None:
        long = self._weather.long
        seconds = self._dice.uniform(*(self._weather.short if what == "freeze" or long is None else long))
        frozen = member.freeze(("supervisor",) if what == "freeze-supervisor" else ALL)
        try:
            await asyncio.sleep(seconds)
        finally:
            thaw(frozen)

    def _kill_part(self, member: Member, role: str) -> None:
        chosen = [process for known, process in member.family() if known == role]
        if chosen:
            self._dice.choice(chosen).kill()

    async def _end(self, member: Member, number: int) -> None:
        member.signal(number)
        for _ in range(int(STOP / 0.05)):
            if not member.running:
                break
            await asyncio.sleep(0.05)
        else:
            self._evidence.complaints.append(f"{member.name} did not end within {STOP} s of signal {number}")
            member.signal(signal.SIGKILL)
            while member.running:
                await asyncio.sleep(0.05)
        await asyncio.sleep(self._dice.uniform(0.1, 2))
        member.start()
