"""Declares to the store what a ConfigMap says of pauses."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from kronstream.clock import StoreClock
from kronstream.controller.pauses import in_force
from kronstream.controller.pausetext import Written
from kronstream.ports import Ledger, Pause

SOURCE = "configmap"
LATE = 2000  # ms; a pause declared later than that after it was written began when it was written
KEPT = 31 * 86_400_000  # for so long the store keeps what is over
BEGINNING = 0

Scopes = Mapping[str, Pause]


class Declaring:
    """One declaration at a time; each may be repeated. All methods raise what Ledger raises."""

    def __init__(self, ledger: Ledger, clock: StoreClock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._one = asyncio.Lock()

    async def in_force(self) -> frozenset[tuple[str, Pause]]:
        """Pauses that hold jobs now, whoever declared them, by scope."""
        now = self._clock.now()
        return in_force(await self._ledger.declared_pauses(), now)

    async def declare(self, written: Written) -> bool:
        """What holds from now on; True when that is something new.

        A pause that was written while nobody looked counts from when it was written, and holds back what came due
        since then.
        """
        async with self._one:
            now = self._clock.now()
            known = await self._ledger.declared_pauses()
            changed = await self._lasting(written.pauses, known, now)
            missed = {
                scope: pause for scope, pause in written.pauses.items() if _missed(pause, known.get(scope, ()), now)
            }
            if missed:
                lasting = _lasting(written.pauses, now)
                since = min(pause.since for pause in missed.values())
                # the store takes none that is over: these begin, and end with the next call
                await self._ledger.declare_pauses(SOURCE, {**lasting, **_endless(missed)}, since)
                changed = await self._ledger.declare_pauses(SOURCE, lasting) or changed
            return changed

    async def restore(self, before: Written, written: Written) -> None:
        """For a store that was lost: what held ``before`` and holds now did so from the beginning of time.

        So nothing of a paused time fires later, though nobody remembers when it began.
        """
        async with self._one:
            held = {**_endless(before.pauses), **_endless(written.pauses)}
            # what was declared since the store was lost began too late
            await self._ledger.declare_pauses(SOURCE, {})
            await self._ledger.declare_pauses(SOURCE, held, BEGINNING)
            await self._ledger.declare_pauses(SOURCE, _lasting(written.pauses, self._clock.now()))

    async def _lasting(self, pauses: Scopes, known: Mapping[str, tuple[Pause, ...]], now: int) -> bool:
        lasting = _lasting(pauses, now)
        old = {scope for scope, _ in in_force(known, now)}
        late = {scope: one.since for scope, one in lasting.items() if scope not in old and 0 < one.since < now - LATE}
        changed = False
        if late:
            first = {scope: one for scope, one in lasting.items() if scope in old or scope in late}
            changed = await self._ledger.declare_pauses(SOURCE, first, min(late.values()))
        return await self._ledger.declare_pauses(SOURCE, lasting) or changed


def _lasting(pauses: Scopes, now: int) -> dict[str, Pause]:
    return {scope: one for scope, one in pauses.items() if one.until is None or one.until > now}


def _endless(pauses: Scopes) -> dict[str, Pause]:
    return {scope: replace(one, until=None) for scope, one in pauses.items()}


def _missed(pause: Pause, known: tuple[Pause, ...], now: int) -> bool:
    """Whether a pause was written and over while nobody looked, not too long ago."""
    over = pause.until is not None and max(pause.since, now - KEPT) < pause.until <= now
    return over and pause.since > 0 and pause.until not in {one.until for one in known}
