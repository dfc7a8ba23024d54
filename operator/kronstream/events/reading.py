"""Reads the streams of events: every stream that a handler names, and the outcomes of our own runs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable

from redis.exceptions import RedisError

from kronstream.domain.eventstream import Readable
from kronstream.events.hand import Hand
from kronstream.events.pulse import Pulse
from kronstream.events.sources import Source, Sources, order
from kronstream.events.table import Table
from kronstream.ports import EventLog, GroupLost, StreamFault
from kronstream.rooms import live_together
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

COUNT = 200
BLOCK = 200  # ms; a stream that is named now is read that much later at most
IDLE = 10_000  # ms after which an entry that another router was given is taken over
HOLD = 2.0  # seconds after which an entry in hand is said to be worked on still
MEND = 1.0
LOOK = 2.0
AWAY = 0.5
FROM_NOW, FROM_THE_FIRST = "$", "0"


class Reading:
    """One consumer of one group over all streams. What it was given before it was started comes first."""

    def __init__(
        self,
        event_log: EventLog,
        table: Table,
        sources: Sources,
        hand: Hand,
        pulse: Pulse,
        consumer: str,
        known: asyncio.Event,
        readable: Readable,
    ) -> None:
        """`known` is set once every handler is in the table: an event that is read before would miss the others.

        Of a stream that is not `readable` nothing is asked, whoever names it.
        """
        self._readable = readable
        self._known = known
        self._log = event_log
        self._table = table
        self._sources = sources
        self._hand = hand
        self._pulse = pulse
        self._consumer = consumer
        self._changed = asyncio.Event()
        self._mended = asyncio.Event()
        self._trouble = Trouble(log, "reading events failed, tried again")

    def changed(self) -> None:
        """Handlers came or went, and with them perhaps streams."""
        self._changed.set()

    def lost(self) -> None:
        """The store was lost, and with it the groups: joined anew."""
        for source in self._sources:
            source.joined, source.again = False, True
        self._changed.set()

    async def run(self) -> None:
        """Read and mend until cancelled."""
        await self._known.wait()
        await live_together((self._read_on, self._keep, self._look))

    async def leave(self) -> None:
        """Read no more; what is pending stays so, for the others. Raises what redis-py raises."""
        await self._log.leave(self._open(source.stream for source in self._sources), self._consumer)

    async def _read_on(self) -> None:
        while True:
            await self._hand.wait_for_room()
            await self._pulse.open.wait()
            streams = self._sources.readable
            if not streams:
                self._mended.clear()
                await self._mended.wait()
                continue
            try:
                await self._read(streams)
                self._trouble.over()
            except StreamFault as fault:
                self._set_apart(fault)
            except (RedisError, OSError, TimeoutError) as error:
                self._trouble.tell(error)
                for source in self._sources:
                    source.again = True  # the reply that got lost may have had entries
                await asyncio.sleep(AWAY)

    async def _read(self, streams: list[str]) -> None:
        for stream in streams:
            source = self._sources.get(stream)
            if source is not None and source.again and not self._hand.holds(stream):
                mine = await self._log.pending(stream, self._consumer, COUNT)
                self._hand.put(mine)
                source.again = len(mine) >= COUNT
        count = max(min(COUNT, self._hand.room // len(streams)), 1)
        self._hand.put(await self._log.read(streams, self._consumer, count, BLOCK))

    async def _keep(self) -> None:
        """Join what is named, leave what is not, and take over what others left."""
        while True:
            try:
                async with asyncio.timeout(MEND):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            await self._pulse.open.wait()
            try:
                await self._mend()
            except (RedisError, OSError, TimeoutError) as error:
                self._trouble.tell(error)
                await asyncio.sleep(AWAY)

    async def _mend(self) -> None:
        held = self._hand.held(HOLD)
        left = self._open(self._sources.want((*self._table.streams, self._table.outcomes)))
        if left:
            await self._log.leave(left, self._consumer)
        for source in self._sources:
            try:
                self._judge(source.stream)
                if not source.joined:
                    await self._log.join(source.stream, self._start(source))
                    self._joined(source)
                    continue
                # one that has to wait here would be handed from router to router, and count as one that ends them
                await self._log.hold(source.stream, self._consumer, held.get(source.stream, ()))
                if self._hand.room:
                    self._hand.put(await self._log.reclaim(source.stream, self._consumer, IDLE, COUNT))
            except StreamFault as fault:
                self._set_apart(fault)

    def _judge(self, stream: str) -> None:
        """Raise StreamFault for a stream that handlers must not read."""
        refused = self._readable.refusal(stream) if stream != self._table.outcomes else None
        if refused is not None:
            raise StreamFault(stream, refused)

    def _open(self, streams: Iterable[str]) -> list[str]:
        """Those of some streams that may be read."""
        return [one for one in streams if one == self._table.outcomes or self._readable.refusal(one) is None]

    def _joined(self, source: Source) -> None:
        if source.fault:
            log.info("stream %s is read again", source.stream)
        source.joined, source.again, source.fault = True, True, ""
        self._mended.set()

    def _start(self, source: Source) -> str:
        """Where a group that is not there begins: where the lost one was, as far as anybody knows; else from now on."""
        if source.stream == self._table.outcomes:
            return FROM_THE_FIRST  # what was not acknowledged is still there, and nothing else
        known = [source.settled] if source.settled else []
        for handler in self._table:
            told = handler.status.get("lastId")
            if handler.stream == source.stream and isinstance(told, str) and told:
                known.append(told)
        return max(known, key=order, default=FROM_NOW)

    def _set_apart(self, fault: StreamFault) -> None:
        """The others are read on; this one is tried again."""
        source = self._sources.get(fault.stream)
        if source is None:
            return
        source.joined = False
        if isinstance(fault, GroupLost):
            log.warning("%s: %s; joining it anew", fault.stream, fault)
            self._changed.set()
            return
        if source.fault != str(fault):
            log.warning("stream %s cannot be read, tried again: %s", fault.stream, fault)
        source.fault = str(fault)

    async def _look(self) -> None:
        """How far the group is, for status and metrics."""
        while True:
            begin = time.monotonic()
            await self._pulse.open.wait()
            for source in self._sources:
                if not source.joined:
                    continue
                try:
                    source.see(await self._log.lag(source.stream))
                except StreamFault as fault:
                    self._set_apart(fault)
                except (RedisError, OSError, TimeoutError) as error:
                    self._trouble.tell(error)
                    break
            await asyncio.sleep(max(LOOK - (time.monotonic() - begin), 0.1))
