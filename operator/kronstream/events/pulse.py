"""The routers among each other, and the store's health as a router's heartbeats tell it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from zlib import crc32

from redis.exceptions import RedisError

from kronstream.clock import StoreClock
from kronstream.ports import Effects, Requests

log = logging.getLogger(__name__)

BEAT = 0.25
VERIFIED = 5.0
AGAIN = 1.0


def _nothing() -> None:
    """Stands where the composition puts what is done when the store is away, or may have forgotten everything."""


def _measured(_seconds: float) -> None:
    """Stands where the composition puts who measures how long an answer takes."""


class Pulse:
    """Sends this router's heartbeat, knows the other live ones, and whether the store may be used.

    There is no leader: every router reads and acts. Only a handler's status has one writer, by rendezvous hashing.
    """

    def __init__(
        self,
        effects: Effects,
        requests: Requests,
        clock: StoreClock,
        name: str,
        verify: Callable[[], Awaitable[None]],
        scope: str = "",
    ) -> None:
        self._effects = effects
        self._requests = requests
        self._clock = clock
        self._verify = verify
        # a router of other namespaces beats in the same store, but has no share in our handlers
        self._scope = f"{scope}|"
        self.name = self._scope + name
        self.epoch = ""
        self.fault = "not connected to Redis yet"
        self.since = time.monotonic()
        self.live: tuple[str, ...] = (self.name,)
        self.open = asyncio.Event()
        self.lost: Callable[[], None] = _nothing
        self.away: Callable[[], None] = _nothing
        self.answered: Callable[[float], None] = _measured
        self._verified = float("-inf")

    def owns(self, uid: str) -> bool:
        """Whether the status of the handler is this router's to write."""
        key = uid.encode()
        return max(self.live, key=lambda name: crc32(key, crc32(name.encode()))) == self.name

    async def admit(self) -> None:
        """Wait until the store may be used at all: what is another installation's is neither read nor written."""
        while True:
            try:
                await self._verify()
            except (RedisError, OSError, TimeoutError) as error:
                self._away(str(error) or type(error).__name__)
                await asyncio.sleep(AGAIN)
            else:
                return

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            try:
                await self.beat()
            except (RedisError, OSError, TimeoutError) as error:
                self._away(str(error) or type(error).__name__)
            await asyncio.sleep(BEAT)

    async def beat(self) -> None:
        """One heartbeat. Raises what redis-py raises."""
        if time.monotonic() - self._verified > VERIFIED:
            await self._verify()
            self._verified = time.monotonic()
        sent = time.monotonic()
        now = await self._requests.now()
        received = time.monotonic()
        self._clock.observe(sent, received, now * 1000)
        self.answered(received - sent)
        live = await self._effects.beat(self.name)
        self.live = tuple(sorted({name for name in live if name.startswith(self._scope)} | {self.name}))
        self._enter(await self._requests.epoch())

    async def leave(self) -> None:
        """This router goes: the others have its share at once. Raises what redis-py raises."""
        await self._effects.leave(self.name)

    def reject(self) -> None:
        """The store has another epoch: nothing more until a heartbeat has told which."""
        self.open.clear()

    def _enter(self, epoch: str) -> None:
        if not epoch:
            self.open.clear()
            if not self.fault:
                self.since = time.monotonic()
            self.fault = "Redis is being filled from the resources"
            return
        before, self.epoch = self.epoch, epoch
        if before and before != epoch:
            log.warning("Redis was lost: every handler is adopted anew")
            self.lost()
        if self.fault:
            log.info("Redis answers; %d router(s) live", len(self.live))
            self.fault, self.since = "", time.monotonic()
        self.open.set()

    def _away(self, why: str) -> None:
        self.open.clear()
        self._verified = float("-inf")
        if why != self.fault:
            log.warning("no event is acted on: %s", why)
        if not self.fault:
            self.since = time.monotonic()
        self.fault = why
        self.away()
