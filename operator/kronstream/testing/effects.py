"""Effects in memory."""

import math
from collections.abc import Sequence
from itertools import count

from kronstream.domain.outcomeevent import kind_of
from kronstream.ports import (
    Effect,
    EffectKind,
    Ending,
    Entered,
    Epoch,
    Fate,
    HandlerError,
    HandlerState,
    Roll,
    Settled,
    Tally,
    Waiting,
)
from kronstream.testing import waiting
from kronstream.testing.model import Item, Job
from kronstream.testing.routing import route
from kronstream.testing.store import MemoryStore
from kronstream.testing.texts import storable
from kronstream.testing.watching import watch_clock

LOOKS, LOOKED_AT, BUSY, UNSEEN, HANDLERS = 5, 5000, 100, 600_000, 100
ALIVE, SILENT, AHEAD = 3000, 60_000, -1000
TALLIED = 600_000  # ms


class MemoryEffects:
    """Effects on a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._tokens = count()

    async def route(self, epoch: str, effects: Sequence[Effect]) -> list[Fate]:
        """See Effects."""
        if effects and self._store.epoch != epoch:
            raise Epoch
        return [route(self._store, effect) for effect in effects]

    async def tally(self, tallies: Sequence[Tally], token: str) -> None:
        """See Effects."""
        counted = self._store.tallied
        if not tallies or self._store.now < counted.get(token, 0):
            return
        counted[token] = self._store.now + TALLIED
        for one in tallies:
            waiting.count(self._store, one.handler, "e:f", number=one.filtered)
            waiting.count(self._store, one.handler, "e:er", number=one.errors)
            if one.message:
                waiting.note_error(self._store, one.handler, one.message, one.event)

    async def take_due(self, limit: int, lease: int, put_off: int = 0) -> list[Waiting]:
        """See Effects."""
        store = self._store
        watch_clock(store)
        due = sorted((at, key) for key, at in store.items_due.items() if at <= store.now)[: LOOKS * limit]
        taken: list[Waiting] = []
        for _, key in due:
            if len(taken) < limit:
                taken += self._take(store.items[key], lease, put_off)
        return taken

    def _take(self, item: Item, lease: int, put_off: int) -> list[Waiting]:
        store = self._store
        if item.handler not in store.jobs:
            waiting.forget_item(store, item)
            return []
        if put_off and item.kind is EffectKind.CREATE:
            store.items_due[item.id] = store.now + put_off
            return []
        if item.window is not None:
            if store.windows.get((item.handler, item.window)) == item.id:
                del store.windows[item.handler, item.window]
            item.window = None
        if self._held_up(item) or (item.kind is EffectKind.CREATE and not waiting.find_place(store, item)):
            return []
        item.attempt += 1
        item.token = f"{id(self)}-{next(self._tokens)}"
        store.items_due[item.id] = store.now + lease
        if item.attempt == 1:
            waiting.note_triggered(store, item.handler)
        return [
            Waiting(item.handler, item.id, item.kind, item.body, item.attempt - item.uncounted, item.token, item.since)
        ]

    def _held_up(self, item: Item) -> bool:
        """Hold an effect that comes out of its window to its handler's pace."""
        store, pace = self._store, item.pace
        if pace is None or item.paced:
            return False
        at, _ = waiting.next_begin(store, item.handler, pace)
        over = at > store.now
        if over:
            waiting.count(store, item.handler, "e:rl")
        if over and not pace.delay:
            waiting.forget_item(store, item)
            return True
        due = math.ceil(waiting.reserve(store, item.handler, pace))
        item.paced = True
        if due > store.now:
            store.items_due[item.id] = due
        return due > store.now

    async def settle(self, results: Sequence[Settled]) -> list[bool]:
        """See Effects."""
        return [self._settle(one) for one in results]

    def _settle(self, one: Settled) -> bool:
        store, item = self._store, self._store.items.get(one.item)
        if item is None or item.token != one.token:
            return False
        if one.ending in (Ending.RETRY, Ending.AWAY):
            item.token = None
            item.uncounted += one.ending is Ending.AWAY
            store.items_due[item.id] = store.now + one.wait
            if one.message:
                waiting.note_error(store, item.handler, one.message, item.event)
                waiting.count(store, item.handler)
            return True
        if one.ending is Ending.DONE:
            waiting.note_done(store, item.handler)
            if one.created and item.handler in store.jobs:
                store.open_jobs[item.handler][f"j:{one.created}"] = store.now
                waiting.want_tending(store, item.handler, LOOKED_AT)
        else:
            waiting.count(store, item.handler, "e:bad")
            waiting.note_error(store, item.handler, one.message, item.event)
            if one.ending is Ending.FAILED:
                waiting.bury_effect(store, item.handler, item.body, one.reason, one.message)
        waiting.forget_item(store, item)
        if store.effect_lines[item.handler]:
            waiting.want_tending(store, item.handler, 0)
        return True

    async def tend(self, limit: int = 100) -> int:
        """See Effects."""
        store = self._store
        watch_clock(store)
        due = sorted((at, handler) for handler, at in store.tending.items() if at <= store.now)[:HANDLERS]
        moved = 0
        for _, handler in due:
            if moved >= limit:
                break
            moved += self._tend(handler, limit - moved)
            busy = bool(store.effect_lines[handler])
            if busy or store.open_jobs[handler]:
                store.tending[handler] = store.now + (BUSY if busy else LOOKED_AT)
            else:
                del store.tending[handler]
        return moved

    def _tend(self, handler: str, limit: int) -> int:
        """Let the first of a handler's line go on, as far as there is room."""
        store = self._store
        places, line = store.open_jobs[handler], store.effect_lines[handler]
        over = [mark for mark, since in places.items() if self._is_over(mark, since)]
        for mark in over:
            del places[mark]
        if over:
            waiting.count(store, handler)
        moved = 0
        while line and moved < limit and len(places) < store.items[line[0]].most_open:
            item = line.pop(0)
            places[f"i:{item}"] = store.items_due[item] = store.now
            moved += 1
        return moved

    def _is_over(self, mark: str, since: int) -> bool:
        """Whether an open job ended, was deleted, or nobody ever heard of it."""
        store, (kind, _, key) = self._store, mark.partition(":")
        if kind == "i":
            return key not in store.items
        job = store.jobs.get(key)
        if job:
            return job.done is not None
        return store.tombs.get(key, 0) > store.now or since < store.now - UNSEEN

    async def describe(self, handlers: Sequence[str]) -> list[HandlerState | None]:
        """See Effects."""
        return [self._state(job) if (job := self._store.jobs.get(handler)) else None for handler in handlers]

    def _state(self, job: Job) -> HandlerState:
        store, told = self._store, job.handled
        items = waiting.waiting_of(store, job.uid)

        def number(name: str) -> int:
            return int(told.get(f"e:{name}") or 0)

        error = HandlerError(told["e:lem"], told["e:lee"], number("lea")) if "e:lea" in told else None
        return HandlerState(
            job.generation,
            job.seq,
            number("t"),
            number("ok"),
            number("bad"),
            number("f"),
            number("dd"),
            number("db"),
            number("rl"),
            number("er"),
            number("lt") or None,
            number("lok") or None,
            error,
            len(items),
            min((item.since for item in items), default=None),
            len(store.open_jobs[job.uid]),
        )

    async def backlog(self) -> tuple[int, int]:
        """See Effects."""
        return self._store.effect_load

    async def roll(self, after: int, limit: int) -> Roll:
        """See Effects."""
        store = self._store
        # the store was lost, or is an older copy: turns began anew
        since = after if after <= store.turn else 0
        later = sorted((turn, uid) for uid, turn in store.roll.items() if turn > since)[:limit]
        jobs = [store.jobs[uid] for _, uid in later if uid in store.jobs]
        entered = tuple(Entered(job.uid, job.generation, job.namespace, job.name) for job in jobs)
        more = len(later) == limit
        return Roll(later[-1][0] if more else store.turn, entered, more)

    async def want(self, scope: str, types: Sequence[str], turn: int) -> bool:
        """See Effects."""
        if self._store.turn > turn:
            return False
        kinds = {kind_of(name) for name in types}
        if kinds:
            self._store.wanted[scope] = kinds
        else:
            self._store.wanted.pop(scope, None)
        return True

    async def job_named(self, namespace: str, name: str) -> str | None:
        """See Effects."""
        return self._store.names.get((namespace, name))

    async def beat(self, router: str) -> list[str]:
        """See Effects."""
        store = self._store
        store.routers[storable(router)] = store.now
        return await self.routers()

    async def routers(self) -> list[str]:
        """See Effects."""
        store = self._store
        store.routers = {name: at for name, at in store.routers.items() if AHEAD <= store.now - at <= SILENT}
        return sorted(name for name, at in store.routers.items() if store.now - at <= ALIVE)

    async def leave(self, router: str) -> None:
        """See Effects."""
        self._store.routers.pop(storable(router), None)
