"""The loop that takes runs of one queue while it has free slots."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from kronstream.ports import Claim, RunQueue, WorkerCard
from kronstream.worker.backoff import Backoff


class Host(Protocol):
    """What a pool asks of its worker."""

    def has_room(self) -> bool:
        """Whether more may be begun, whatever the pool's own slots say."""
        ...

    def held_runs(self) -> list[str]:
        """Ids of the runs that the worker holds."""
        ...

    def begin(self, pool: Pool, claim: Claim) -> None:
        """Execute a claim; `pool.left()` is called when its slot is free again."""
        ...


class Pool:
    """`slots` runs of the queue `name` at a time. It takes once it is opened, until it is closed.

    It asks for a batch; while answers come back full for twice as many as before, up to the free slots: where much
    waits, a call costs more than what it brings, and where little waits, others are to have their share.
    """

    def __init__(
        self, queue: RunQueue, card: WorkerCard, name: str, host: Host, *, batch_size: int, block_ms: int
    ) -> None:
        self.name = name
        self.running = 0
        self._queue = queue
        self._card = card
        self._slots = card.queues[name]
        self._host = host
        self._batch = self._size = batch_size
        self._block = block_ms
        self._backoff = Backoff(f"ask for runs of the queue {name}")
        self._open = False
        self._closed = False
        self._pending_due = True  # at the start, after a lost reply, when runs were handed to this worker
        self._waiting: asyncio.Task[bool] | None = None
        self._bell: asyncio.Future[None] | None = None  # set while the loop waits for something of interest
        self._room_wanted = False

    async def run(self) -> None:
        """Take and begin until closed."""
        try:
            while not self._closed:
                await self._turn()
        finally:
            if self._waiting is not None:
                self._waiting.cancel()

    def open(self, *, now: bool) -> None:
        """Take runs from now on, or stop taking."""
        self._open = now
        self._ring()

    def close(self) -> None:
        """Take nothing any more: `run` ends."""
        self._closed = True
        self._ring()

    def handed(self) -> None:
        """Another worker handed runs to this one."""
        self._pending_due = True
        self._ring()

    def left(self) -> None:
        """A run's slot is free again."""
        self.running -= 1
        self.room()

    def room(self) -> None:
        """There may be room again."""
        if self._room_wanted:
            self._ring()

    async def _turn(self) -> None:
        if not self._open:
            await self._until_rung()
        elif (free := self._free()) <= 0:
            self._room_wanted = True
            await self._until_rung()
            self._room_wanted = False
        else:
            try:
                claims = await self._take(free)
                self._backoff.worked()
                for claim in claims:
                    self.running += 1
                    self._host.begin(self, claim)
                if not claims:
                    await self._until_work()
            except Exception as error:  # noqa: BLE001 - whatever the store says, the loop goes on
                self._pending_due = True
                await self._until_rung(self._backoff.failed(error))

    def _free(self) -> int:
        return self._slots - self.running if self._host.has_room() else 0

    async def _take(self, free: int) -> list[Claim]:
        if self._pending_due:
            self._pending_due = False  # before the call: one that comes during it counts
            claims = await self._queue.take_pending(self._card, self.name, free, self._host.held_runs())
            self._pending_due |= len(claims) >= free
            if claims:
                return claims
        wanted = min(free, self._size)
        claims = await self._queue.take(self._card, self.name, wanted)
        self._size = self._batch if len(claims) < wanted else min(2 * self._size, self._slots)
        return claims

    async def _until_work(self) -> None:
        """Block until the store has work or something rings; a wait that was left is gone on with."""
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._queue.wait(self.name, self._block))
        either: set[asyncio.Future[Any]] = {self._waiting, self._listen()}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._waiting.done():
            waited, self._waiting = self._waiting, None
            waited.result()

    async def _until_rung(self, timeout: float | None = None) -> None:
        await asyncio.wait({self._listen()}, timeout=timeout)

    def _listen(self) -> asyncio.Future[None]:
        if self._bell is None or self._bell.done():
            self._bell = asyncio.get_running_loop().create_future()
            if self._closed:
                self._bell.set_result(None)
        return self._bell

    def _ring(self) -> None:
        if self._bell is not None and not self._bell.done():
            self._bell.set_result(None)
