"""Which handlers' status tells otherwise than things are: what no mark in the store says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kronstream.events.sources import Source, Sources
from kronstream.events.table import Handler, Said, Table
from kronstream.events.view import expected, lag_differs

LAGS, WORDS = 100, 20
STRIDE = 500  # handlers compared before others have their turn: some milliseconds
# what handlers must tell, by stream, whether outcomes are heard, and whether they are enabled
Alike = dict[tuple[str, bool, bool], Said]


class Lookout:
    """Compares the statuses of this router's share of handlers with what is known of their streams.

    A stream's lag stands in the status of each handler that names it, and whether it ever had an event. Ten thousand
    statuses must not be written because one stream is busy (a write costs an API server some milliseconds): of those
    that tell its lag far from what it is, at most `LAGS` are named at a look, of those that tell the right condition
    for another reason at most `WORDS`, the others later.
    """

    def __init__(self, table: Table, sources: Sources, owns: Callable[[str], bool]) -> None:
        self._table = table
        self._sources = sources
        self._owns = owns
        self._begin = 0

    def listened(self, handler: Handler) -> list[Source]:
        """The streams that a handler listens to, its own first; none where its spec cannot be used."""
        listener = handler.listener
        if listener is None:
            return []
        streams = [listener.stream] + ([self._table.outcomes] if listener.hears_outcomes else [])
        return [self._sources.get(stream) or Source(stream) for stream in streams]

    async def differing(self, *, lags: bool) -> list[str]:
        """UIDs of handlers whose conditions, or with ``lags`` whose lag or last id, are told wrongly."""
        handlers = list(self._table)
        begin = self._begin if self._begin < len(handlers) else 0
        heralds: set[str] = set()
        alike: Alike = {}
        found: list[str] = []
        late = words = 0
        for place, handler in enumerate(handlers[begin:] + handlers[:begin]):
            if place % STRIDE == STRIDE - 1:
                await asyncio.sleep(0)
            said, wanted = handler.said, self._wanted(handler, alike)
            urgent = said != wanted and _urgent(said, wanted)
            worded = said != wanted and not urgent and words < WORDS
            if not (urgent or worded or lags) or not self._owns(handler.uid):
                continue
            if urgent:
                found.append(handler.uid)
                continue
            herald = lags and self._heralds(handler, heralds)
            lagging = lags and late < LAGS and self._lag_differs(handler)
            if herald or worded or lagging:
                # of each stream one handler keeps the place true where a lost group begins
                found.append(handler.uid)
                words += worded and not herald
                late += lagging and not (herald or worded)
                self._begin = (begin + place + 1) % len(handlers)
        return found

    def _wanted(self, handler: Handler, alike: Alike) -> Said:
        """What its conditions must tell; handlers that hear the same streams are judged once."""
        listener = handler.listener
        if listener is None:
            return expected(handler, ())
        key = (listener.stream, listener.hears_outcomes, handler.enabled)
        if key not in alike:
            alike[key] = expected(handler, self.listened(handler))
        return alike[key]

    def _lag_differs(self, handler: Handler) -> bool:
        sources = self.listened(handler)
        return bool(sources) and lag_differs(handler, sources[0])

    def _heralds(self, handler: Handler, heralds: set[str]) -> bool:
        stream = handler.stream
        if stream is None or stream in heralds:
            return False
        heralds.add(stream)
        source = self._sources.get(stream)
        return source is not None and source.settled not in {"", handler.status.get("lastId")}


def _urgent(said: Said, wanted: Said) -> bool:
    """Whether a condition is told to be True, False or Unknown and is not; a reason alone is not urgent."""
    return any(told != value for (told, _), (value, _) in zip(said, wanted, strict=True))
