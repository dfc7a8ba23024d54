"""Lets the events in hand have their effects, and acknowledges each entry once the store has answered for all of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import uuid4

from redis.exceptions import RedisError

from kronstream.clock import StoreClock
from kronstream.cluster.api import ApiError
from kronstream.events.abreast import Abreast
from kronstream.events.adopting import Adopting
from kronstream.events.hand import Hand, Place, place
from kronstream.events.hearing import heard, letter
from kronstream.events.measures import Measures
from kronstream.events.pulse import Pulse
from kronstream.events.table import Table
from kronstream.health import Pace
from kronstream.operations.routing import Heard, Passed, Wish, effect, wishes
from kronstream.operations.targets import Targets
from kronstream.ports import Effects, Entry, Epoch, EventLetter, EventLetters, EventLog, Fate, FateWord, Tally
from kronstream.rooms import live_together
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

BATCH = 200
ENOUGH = 1_000  # wishes of one batch
CHUNK = 50  # effects of one call of the store: what is due by schedule waits behind it
LETTERS = 10  # of one event that several handlers cannot judge; each of them counts it
AGAIN = 0.1
AWAY = 0.5
TRIES = 20
STUCK = 120.0  # seconds without a step while the store may be used; every call in between is bounded by far less

_LATE = frozenset({FateWord.MOVED, FateWord.UNKNOWN, FateWord.STALE, FateWord.FULL})


@dataclass(slots=True)
class Batch:
    """What some entries ask for; ``wanted`` are the wishes with their entries, in order."""

    entries: list[Entry] = field(default_factory=list)
    wanted: list[tuple[Entry, Wish]] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)
    letters: list[EventLetter] = field(default_factory=list)
    left: dict[Place, Entry] = field(default_factory=dict)
    unjudged: Counter[Place] = field(default_factory=Counter)
    token: str = field(default_factory=lambda: uuid4().hex)

    def pass_by(self, entry: Entry, heard: Heard, passed: Passed) -> None:
        """A handler makes nothing of the event; what it could not judge is kept for people."""
        uid = passed.listener.uid
        known = self.tallies.get(uid) or Tally(uid)
        if not passed.error:
            self.tallies[uid] = replace(known, filtered=known.filtered + 1)
            return
        self.tallies[uid] = replace(known, errors=known.errors + 1, message=passed.why, event=heard.event.id)
        self.unjudged[place(entry)] += 1
        if self.unjudged[place(entry)] <= LETTERS:
            self.letters.append(letter(entry, "FilterError", passed.why, uid, heard.text))


class Delivery:
    """One batch is prepared while the one before it is with the store; the store gets them in order."""

    def __init__(
        self,
        hand: Hand,
        table: Table,
        effects: Effects,
        event_log: EventLog,
        letters: EventLetters,
        targets: Targets,
        adopting: Adopting,
        abreast: Abreast,
        pulse: Pulse,
        clock: StoreClock,
        measures: Measures,
    ) -> None:
        self._hand = hand
        self._table = table
        self._effects = effects
        self._log = event_log
        self._letters = letters
        self._targets = targets
        self._adopting = adopting
        self._abreast = abreast
        self._pulse = pulse
        self._clock = clock
        self._measures = measures
        self._trouble = Trouble(log, "events wait for Redis")
        self.full = False
        self.pace = Pace("the delivery of events", STUCK)

    async def run(self) -> None:
        """Deliver until cancelled."""
        prepared: asyncio.Queue[Batch] = asyncio.Queue(maxsize=1)
        await live_together((partial(self._prepare_on, prepared), partial(self._carry_on, prepared)))

    async def _prepare_on(self, prepared: asyncio.Queue[Batch]) -> None:
        while True:
            entries = await self._hand.take(BATCH)
            await self._draw_level()
            while entries:
                batch = await self._prepare(entries)
                entries = entries[len(batch.entries) :]
                await prepared.put(batch)

    async def _draw_level(self) -> None:
        """What is in force in the store is in force here, before events are judged by it."""
        while True:
            await self._pulse.open.wait()
            try:
                await self._abreast.reach()
            except (RedisError, OSError, TimeoutError) as error:
                self._trouble.tell(error)
                await asyncio.sleep(AWAY)
            else:
                return

    async def _prepare(self, entries: Sequence[Entry]) -> Batch:
        """What the first of these entries ask for, as many as make a batch."""
        batch = Batch()
        for number, entry in enumerate(entries):
            batch.entries.append(entry)
            self._hear(batch, entry)
            if len(batch.wanted) + len(batch.tallies) >= ENOUGH:
                break
            if number % 20 == 19:
                await asyncio.sleep(0)
        return batch

    def _hear(self, batch: Batch, entry: Entry) -> None:
        found = heard(entry, self._clock.now(), outcome=entry.stream == self._table.outcomes)
        if isinstance(found, EventLetter):
            batch.letters.append(found)
            return
        for wish in wishes(found, self._table.listeners(entry.stream, found.event)):
            if isinstance(wish, Wish):
                batch.wanted.append((entry, wish))
            else:
                batch.pass_by(entry, found, wish)

    async def _carry_on(self, prepared: asyncio.Queue[Batch]) -> None:
        while True:
            self.pace.rest()
            batch = await prepared.get()
            self.pace.on()
            await self._carry(batch)

    async def _carry(self, batch: Batch) -> None:
        waiting = batch.wanted
        for tries in range(TRIES):
            if not waiting:
                break
            if tries:
                await asyncio.sleep(AGAIN)
            waiting = [pair for start in range(0, len(waiting), CHUNK)
                       for pair in await self._route(batch, waiting[start : start + CHUNK])]  # fmt: skip
        for entry, _ in waiting:
            batch.left[place(entry)] = entry
        await self._finish(batch)

    async def _route(self, batch: Batch, pairs: Sequence[tuple[Entry, Wish]]) -> list[tuple[Entry, Wish]]:
        """Ask the store; what has to be asked again, as it is now."""
        todo = list(pairs)
        late: list[tuple[Entry, Wish]] = []
        while todo:
            fates = await self._ask([wish for _, wish in todo])
            full: list[tuple[Entry, Wish]] = []
            behind: dict[tuple[str, tuple[str, str] | None, FateWord], Wish] = {}
            for pair, fate in zip(todo, fates, strict=True):
                self._measures.effects.labels(fate.word.value).inc()
                if fate.word is FateWord.FULL:
                    full.append(pair)
                elif fate.word in _LATE:
                    late.append(pair)
                    behind.setdefault((pair[1].listener.uid, pair[1].job, fate.word), pair[1])
                elif fate.word is FateWord.GONE and pair[1].job is not None:
                    self._targets.forget(pair[1].job)
            for (_, _, word), wish in behind.items():  # once, whatever number of events it is about
                await self._catch_up(wish, word)
            self._tell_full(bool(full))
            if full:
                await asyncio.sleep(AGAIN)
            todo = full
        return [again for pair in late for again in self._again(batch, pair)]

    async def _ask(self, wanted: Sequence[Wish]) -> list[Fate]:
        """The store's answers; waits for a store that is away, or lost."""
        while True:
            self.pace.rest()
            await self._pulse.open.wait()
            self.pace.on()
            try:
                await self._targets.fetch(w.job for w in wanted if w.job is not None and w.debounce is None)
                now = self._clock.now()
                asked = [effect(w, self._targets.get(w.job) if w.job is not None else None, now) for w in wanted]
                fates = await self._effects.route(self._pulse.epoch, asked)
            except Epoch:
                self._pulse.reject()
            except (RedisError, OSError, TimeoutError) as error:
                self._trouble.tell(error)
                await asyncio.sleep(AWAY)
            else:
                self._trouble.over()
                return fates

    async def _catch_up(self, wish: Wish, word: FateWord) -> None:
        """This router reasoned from what is not in force any more, or not yet."""
        listener = wish.listener
        try:
            if word is FateWord.UNKNOWN:
                await self._adopting.adopt_now(listener.uid)
            elif word is FateWord.MOVED and wish.job is not None:
                self._targets.forget(wish.job)
            else:
                await self._adopting.reread(listener.uid)
        except (RedisError, ApiError, OSError, TimeoutError) as error:
            log.info("%s/%s: what is in force is not known yet: %s", listener.namespace, listener.name, error)

    def _again(self, batch: Batch, pair: tuple[Entry, Wish]) -> Iterable[tuple[Entry, Wish]]:
        """The wish as the handler is now: edited, it may want something else, or nothing."""
        entry, wish = pair
        handler = self._table.get(wish.listener.uid)
        if handler is None or not handler.enabled or handler.listener is None:
            return
        if handler.listener is wish.listener:
            yield pair
            return
        listeners = self._table.listeners(entry.stream, wish.heard.event)
        for found in wishes(wish.heard, [one for one in listeners if one.uid == wish.listener.uid]):
            if isinstance(found, Wish):
                yield entry, found
            else:
                batch.pass_by(entry, wish.heard, found)

    def _tell_full(self, full: bool) -> None:
        if full and not self.full:
            log.warning("as many effects wait as may: events stay in their streams until there is room")
        self.full = full

    async def _finish(self, batch: Batch) -> None:
        """Count, bury, acknowledge; again until Redis has it."""
        self._measure(batch)
        done = [entry for entry in batch.entries if place(entry) not in batch.left]
        by_stream: dict[str, list[str]] = defaultdict(list)
        for entry in done:
            by_stream[entry.stream].append(entry.id)
        while batch.tallies or batch.letters or by_stream:
            self.pace.on()
            try:
                if batch.tallies:
                    await self._effects.tally(list(batch.tallies.values()), batch.token)
                    batch.tallies.clear()
                if batch.letters:
                    await self._letters.bury(batch.letters)
                    batch.letters.clear()
                for stream in list(by_stream):
                    await self._log.ack(stream, by_stream[stream])
                    del by_stream[stream]
                self._trouble.over()
            except (RedisError, OSError, TimeoutError) as error:
                self._trouble.tell(error)
                await asyncio.sleep(AWAY)
        self._hand.drop(done)
        self._put_back(list(batch.left.values()))

    def _put_back(self, left: list[Entry]) -> None:
        """Not acknowledged: what is in force is known later. They stay in hand, for it is no fault of theirs."""
        if left:
            told = ", ".join(sorted({entry.stream for entry in left}))
            log.warning("%d event(s) of %s wait: what is in force of their handlers is not known here", len(left), told)
            self._hand.put_back(left)

    def _measure(self, batch: Batch) -> None:
        now = time.time() * 1000
        self._measures.events.inc(len(batch.entries))
        for one in batch.letters:
            self._measures.buried.labels(one.reason).inc()
        for tally in batch.tallies.values():
            self._measures.passed.labels("filter").inc(tally.filtered)
            self._measures.passed.labels("error").inc(tally.errors)
        for added in {wish.heard.added for _, wish in batch.wanted}:
            if added is not None:
                self._measures.delay.observe(max(now - added, 0) / 1000)
