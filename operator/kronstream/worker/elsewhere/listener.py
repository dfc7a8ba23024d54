"""Listens for replies, and has work taken back whose attempt ended without it."""

from __future__ import annotations

import asyncio
import logging

from kronstream.domain.work import Work
from kronstream.operations.reply import Unreadable, read
from kronstream.ports import Externals, Recall, Reply, Wires
from kronstream.worker.backoff import Backoff
from kronstream.worker.registry import Registry

COUNT = 100
RECALL_EVERY = 1.0  # seconds

log = logging.getLogger(__name__)


class Listener:
    """One reader of the reply stream among those of all workers; ``block_ms`` bounds a wait for replies."""

    def __init__(
        self, wires: Wires, externals: Externals, registry: Registry, stream: str, consumer: str, *, block_ms: int
    ) -> None:
        self._wires = wires
        self._externals = externals
        self._registry = registry
        self._stream = stream
        self._consumer = consumer
        self._block = block_ms

    async def listen(self) -> None:
        """Work on replies for ever."""
        backoff = Backoff("listen for replies of workflows and agents")
        while True:
            try:
                replies = await self._wires.replies(self._stream, self._consumer, COUNT, self._block)
                for reply in replies:
                    await self._work_on(reply)
                await self._wires.answered(self._stream, [reply.entry for reply in replies])
                backoff.worked()
            except Exception as error:  # noqa: BLE001 - whatever the store says, replies are listened for
                await asyncio.sleep(backoff.failed(error))

    async def take_back(self) -> None:
        """Have work taken back, for ever."""
        backoff = Backoff("take work back")
        while True:
            await asyncio.sleep(RECALL_EVERY)
            try:
                found = await self._wires.recalls(COUNT)
                done = [recall for recall, text in found if await self._recall(recall, text)]
                if done:
                    await self._wires.recalled(done)
                backoff.worked()
            except Exception as error:  # noqa: BLE001 - as above
                await asyncio.sleep(backoff.failed(error))

    async def _work_on(self, reply: Reply) -> None:
        try:
            answer = read(reply.fields)
        except Unreadable as fault:
            log.warning("a reply cannot be read and goes to the dead letters: %s", fault)
            await self._wires.bury({**reply.fields, "stream": self._stream, "entry": reply.entry}, str(fault))
            return
        if answer.completion is not None:
            known = await self._externals.complete(answer.run, answer.token, answer.completion)
        else:
            known = await self._externals.progress(answer.run, answer.token, answer.progress or "null")
        if not known:
            log.info("a reply to run %s comes too late, or has another's token", answer.run[:80])

    async def _recall(self, recall: Recall, text: str) -> bool:
        """Whether nothing is left to do for it here."""
        try:
            work = Work.load(text)
        except ValueError:
            return True  # its job is gone
        kind = self._registry.handler_type(work.function)
        if kind is not None:
            await kind.recall(recall, work)
        return True
