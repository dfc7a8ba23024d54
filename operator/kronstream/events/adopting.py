"""From what the API server says to what is in force: adoption of handlers' generations, forgetting of deleted ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from redis.exceptions import RedisError

from kronstream.cluster.api import ApiError
from kronstream.cluster.eventhandlers import EventHandlers
from kronstream.events.generation import read, seeded
from kronstream.events.table import Handler, Table
from kronstream.ports import HANDLER, Adopted, Adoption, Conflict, Expect, Gone, Ledger, Stale
from kronstream.resources.meta import ending
from kronstream.rooms import live_together
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

BATCH = 200
AT_ONCE = 16
RETRY = 0.5

Where = tuple[str, str]
Pending = tuple[Handler, Adoption]


def _nothing(handler: Handler) -> None:
    """Stands where the composition puts who is told of a generation that came into force."""


class Adopting:
    """Takes objects in, adopts them in batches, and keeps the table; ``entered`` hears what came into force."""

    def __init__(self, table: Table, ledger: Ledger, handlers: EventHandlers, scope: str = "*") -> None:
        self._scope = scope
        self._table = table
        self._ledger = ledger
        self._handlers = handlers
        self._pending: dict[str, Pending] = {}
        self._forget: set[str] = set()
        self._questions: dict[str, Where] = {}
        self._seqs: dict[str, int] = {}
        self._work = asyncio.Event()
        self.entered: Callable[[Handler], None] = _nothing

    @property
    def backlog(self) -> int:
        """Generations that are not in force yet."""
        return len(self._pending) + len(self._questions)

    def awaits(self, uid: str) -> bool:
        """Whether something about the handler is on its way into force."""
        return uid in self._pending or uid in self._questions or uid in self._forget

    def observe(self, kind: str | None, obj: Mapping[str, Any]) -> None:
        """An object as a list (kind None) or the watch gave it; cheap for one that is known."""
        meta = obj["metadata"]
        uid = HANDLER + meta["uid"]
        if kind == "DELETED":
            self._forget.add(uid)
            self._work.set()
        if kind == "DELETED" or ending(meta):
            self._drop(uid)
            return
        known = self._table.get(uid)
        waiting = self._pending.get(uid)
        newest = waiting[0] if waiting else known
        generation = meta.get("generation", 1)
        if newest is not None and newest.generation == generation:
            newest.note(obj.get("status") or {})
        elif newest is None or newest.generation < generation:
            self.take(obj)

    def take(self, obj: Mapping[str, Any], **changes: Any) -> None:
        """Adopt this object's generation, whatever is known; ``changes`` replace fields of its adoption."""
        handler = read(obj, self._scope)
        self._pending[handler.uid] = (handler, replace(handler.adoption, **changes))
        self._work.set()

    def refresh(self, uid: str, namespace: str, name: str) -> None:
        """Read an object again, and adopt what it says."""
        self._questions[uid] = (namespace, name)
        self._work.set()

    def raise_seq(self, uid: str, seq: int) -> None:
        """The API server has a status with a higher sequence number: the store goes on from there."""
        handler = self._table.get(uid)
        if handler is not None:
            self._seqs[uid] = seq
            self.refresh(uid, handler.namespace, handler.name)

    def adopt_again(self) -> None:
        """The store may know nothing of any handler: what is in force here is adopted anew."""
        for handler in self._table:
            self._pending.setdefault(handler.uid, (handler, seeded(handler)))
        self._work.set()

    async def adopt_now(self, uid: str) -> None:
        """The store does not know this generation: it does before this returns. Raises what redis-py raises."""
        handler = self._table.get(uid)
        pending = self._pending.get(uid)
        if pending is not None:
            await self._adopt([pending])
        elif handler is not None:
            await self._adopt([(handler, seeded(handler))])

    async def reread(self, uid: str) -> None:
        """A higher generation is in force elsewhere: what is live is in force here before this returns.

        Raises ApiError, OSError or TimeoutError while the API server does not tell, and what redis-py raises.
        """
        handler = self._table.get(uid)
        if handler is not None:
            await self._reread(uid, (handler.namespace, handler.name))
            if uid in self._pending:
                await self._adopt([self._pending[uid]])

    async def run(self) -> None:
        """Adopt, forget and ask the API server until cancelled; one that is away holds no adoption up."""
        await live_together(
            (
                partial(self._repeat, self._step, lambda: bool(self._pending or self._forget)),
                partial(self._repeat, self._ask, lambda: bool(self._questions)),
            )
        )

    async def _repeat(self, step: Callable[[], Awaitable[None]], wanted: Callable[[], bool]) -> None:
        trouble = Trouble(log, "adopting event handlers failed, tried again")
        while True:
            while not wanted():
                self._work.clear()
                await self._work.wait()
            try:
                await step()
                trouble.over()
            except (RedisError, ApiError, OSError, TimeoutError) as error:
                trouble.tell(error)
                await asyncio.sleep(RETRY)

    async def _step(self) -> None:
        if self._forget:
            uids = list(self._forget)[:BATCH]
            await self._ledger.forget(uids)
            self._forget.difference_update(uids)
        await self._adopt(list(self._pending.values())[:BATCH])

    async def _adopt(self, batch: Sequence[Pending]) -> None:
        if not batch:
            return
        answers = await self._ledger.adopt([adoption for _, adoption in batch])
        for pair, answer in zip(batch, answers, strict=True):
            handler, adoption = pair
            if self._pending.get(handler.uid, pair) is not pair:
                continue  # a newer generation came meanwhile
            if handler.uid not in self._pending and self._table.get(handler.uid) is not handler:
                continue  # it went meanwhile
            self._pending.pop(handler.uid, None)
            if isinstance(answer, Adopted):
                self._enter(handler, back=adoption.expect is not None)
            elif isinstance(answer, Conflict):
                # a spec that could not be used was mended; a handler leaves no instants behind
                expect = Expect(answer.generation, answer.revision, answer.cursor)
                self._pending[handler.uid] = (handler, replace(adoption, expect=expect))
                self._work.set()
            else:
                await self._overruled(handler, answer)

    def _enter(self, handler: Handler, *, back: bool) -> None:
        if self._table.get(handler.uid) is handler or self._table.put(handler, back=back):
            self.entered(handler)

    async def _overruled(self, handler: Handler, stored: Stale | Gone) -> None:
        """The store is ahead: this router is late, or etcd went back to an older copy."""
        try:
            live = await self._handlers.get(handler.namespace, handler.name)
        except (ApiError, OSError, TimeoutError):
            self.refresh(handler.uid, handler.namespace, handler.name)
            raise
        if live is None or HANDLER + live["metadata"]["uid"] != handler.uid or ending(live["metadata"]):
            self._drop(handler.uid)
            return
        if isinstance(stored, Gone):
            log.warning("%s/%s was forgotten as deleted but is live; adopting it anew", handler.namespace, handler.name)
            self.take(live, alive=True)
            return
        generation = live["metadata"].get("generation", 1)
        if generation > handler.generation:
            self.take(live)
        elif generation < stored.generation:
            log.warning(
                "%s/%s: generation %d is live but %d was in force; the API server went back, adopting what is live",
                handler.namespace, handler.name, generation, stored.generation,
            )  # fmt: skip
            self.take(live, expect=Expect(stored.generation, stored.revision, stored.cursor))
        elif generation == stored.generation:
            # the same generation, read by a newer or older router: it stays as that one adopted it
            self._enter(handler, back=False)

    async def _ask(self) -> None:
        asked = list(self._questions.items())[:AT_ONCE]
        answers = await asyncio.gather(*(self._reread(*question) for question in asked), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer

    async def _reread(self, uid: str, where: Where) -> None:
        live = await self._handlers.get(*where)
        if self._questions.get(uid) == where:
            del self._questions[uid]
        if live is None or HANDLER + live["metadata"]["uid"] != uid or ending(live["metadata"]):
            self._drop(uid)
        else:
            seq = self._seqs.pop(uid, None)
            self.take(live, **({} if seq is None else {"seq": seq}))

    def _drop(self, uid: str) -> None:
        self._pending.pop(uid, None)
        self._questions.pop(uid, None)
        self._seqs.pop(uid, None)
        found = self._table.drop(uid)
        if found is not None:
            log.info("event handler %s/%s is gone", found.namespace, found.name)
