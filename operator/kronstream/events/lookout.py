"""Which handlers' status tells otherwise than things are: what no mark in the store says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kronstream.events.sources import Source, Sources
from kronstream.events.table import Handler, Table
from kronstream.events.view import differs, lag_differs

LAGS = 100
STRIDE = 500  # handlers compared before others have their turn: some milliseconds


class Lookout:
    """Compares the statuses of this router's share of handlers with what is known of their streams.

    A stream's lag stands in the status of each handler that names it. Ten thousand statuses must not be written because
    one stream is busy: of those that tell it far from what it is, at most `LAGS` are named at a look, the others later.
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
        found: list[str] = []
        late = 0
        for place, handler in enumerate(handlers[begin:] + handlers[:begin]):
            if place % STRIDE == STRIDE - 1:
                await asyncio.sleep(0)
            if not self._owns(handler.uid):
                continue
            sources = self.listened(handler)
            if differs(handler, sources, ""):
                found.append(handler.uid)
            elif lags and sources:
                # of each stream one handler keeps the place true where a lost group begins
                herald = self._heralds(handler, sources[0], heralds)
                if herald or (late < LAGS and lag_differs(handler, sources[0])):
                    found.append(handler.uid)
                    late += not herald
                    self._begin = (begin + place + 1) % len(handlers)
        return found

    def _heralds(self, handler: Handler, own: Source, heralds: set[str]) -> bool:
        first = own.stream not in heralds
        heralds.add(own.stream)
        return first and own.settled not in {"", handler.status.get("lastId")}
