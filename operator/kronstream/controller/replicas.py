"""The replicas among each other, and the store's health as heartbeats tell it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4
from zlib import crc32

from redis.exceptions import RedisError

from kronstream.clock import StoreClock
from kronstream.ports import Ledger

log = logging.getLogger(__name__)

BEAT = 0.2
FRESH = 700
BACKUP = 750
VERIFIED = 5.0
AGAIN = 1.0
REMEMBERED = 60_000
HOLDS = "paused "  # before the name of a replica that holds all jobs; no name has a blank


def _nothing() -> None:
    """Stands where the composition puts what is done when another replica, or the store, went."""


def _measured(_seconds: float) -> None:
    """Stands where the composition puts who measures how long an answer takes."""


async def _soon() -> None:
    """Stands where the composition puts what is done before a store that was away is used again."""


class Replicas:
    """Sends this replica's heartbeat, knows the others', and says whose a job is.

    There is no leader: every replica can fire every job, and the store decides who was first. Ownership only saves
    the work of being second: a job that is another live replica's is looked at ``BACKUP`` milliseconds later.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: StoreClock,
        name: str,
        verify: Callable[[], Awaitable[None]],
        *,
        scope: str = "",
        revision: str = "",
        paused: bool = False,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._verify = verify
        # a replica of other namespaces beats in the same store, but has no share in our jobs
        self._scope = f"{scope}|"
        self.name = f"{scope}|{revision}|{HOLDS if paused else ''}{name}"
        self.epoch = ""
        self.fault = "not connected to Redis yet"
        self.live: tuple[str, ...] = (self.name,)
        self.departed: Callable[[], None] = _nothing
        self.away: Callable[[], None] = _nothing
        self.answered: Callable[[float], None] = _measured
        self.returned: Callable[[], Awaitable[None]] = _soon
        # whether a replica of the same namespaces holds all jobs; one that died counts for a minute
        self.held = paused
        self.open = asyncio.Event()
        self.was_open = False
        self.lost = asyncio.Event()
        self.rolled_back = asyncio.Event()
        self.serving = False
        # whether no other replica, of whichever namespaces, was heard of at the last heartbeat
        self.alone = True
        self._pulse = 0
        self._verified = float("-inf")

    @property
    def counts(self) -> bool:
        """Whether this replica has a share, or will get one because nobody else has."""
        return self.name in self.live

    def owns(self, uid: str) -> bool:
        """Whether the job is this replica's, by rendezvous hashing over the live ones."""
        if self.live == (self.name,):
            return True
        key = uid.encode()
        return max(self.live, key=lambda name: crc32(key, crc32(name.encode()))) == self.name

    def manned(self, revision: str) -> bool:
        """Whether a live replica plans by this revision, or by a higher one."""
        return any(name.split("|", 2)[1] >= revision for name in self.live)

    async def admit(self) -> None:
        """Wait until the store may be used at all: what is another installation's is neither read nor written."""
        while True:
            try:
                await self._verify()
            except (RedisError, OSError, TimeoutError) as error:
                self._away(error)
                await asyncio.sleep(AGAIN)
            else:
                return

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            begin = time.monotonic()
            try:
                await self.beat()
            except (RedisError, OSError, TimeoutError) as error:
                self._away(error)
            await asyncio.sleep(max(BEAT - (time.monotonic() - begin), 0.02))

    async def beat(self, phase: str = "") -> None:
        """One heartbeat; ``ready`` offers a new epoch. Raises what redis-py raises."""
        phase = phase or ("beat" if self.serving else "join")
        if time.monotonic() - self._verified > VERIFIED:
            await self._verify()
            self._verified = time.monotonic()
        sent = time.monotonic()
        beat = await self._ledger.beat(self.name, phase, uuid4().hex)
        received = time.monotonic()
        self._clock.observe(sent, received, beat.micros)
        self.answered(received - sent)
        fresh = {name for name, at in beat.replicas.items() if beat.now - at <= FRESH and name != self.name}
        self.alone = not fresh
        live = {name for name in fresh if name.startswith(self._scope)}
        before, self.live = self.live, tuple(sorted(live | {self.name} if self.serving or not live else live))
        if set(before) - {*live, self.name}:
            self.departed()
        known = [name for name, at in beat.replicas.items() if beat.now - at <= REMEMBERED] + [self.name]
        self.held = any(name.startswith(self._scope) and name.split("|", 2)[-1].startswith(HOLDS) for name in known)
        # the others overlap with these
        older = phase in ("join", "beat") and beat.pulse <= self._pulse and bool(beat.epoch)
        if beat.epoch and self._pulse and (self.fault or older):
            await self.returned()
        if self.fault:
            log.info("Redis answers; %d replica(s) live", len(live))
            self.fault = ""
            if self._pulse:
                # what was written just before it went away may be lost, with no heartbeat among it
                self.rolled_back.set()
        if older:
            log.warning("an older copy of Redis came back: comparing every cursor")
            self.rolled_back.set()
        if phase in ("join", "beat"):
            self._pulse = beat.pulse
        self._set_epoch(beat.epoch)

    def serve(self) -> None:
        """This replica knows every job: from now on it has a share. Before, the others would wait for it in vain."""
        if not self.serving:
            log.info("all jobs are known: this replica takes its share")
        self.serving = True

    async def ready(self) -> bool:
        """This replica has contributed to a lost store; True once the last one has, and the store is open."""
        await self.beat("ready")
        return bool(self.epoch)

    def _set_epoch(self, epoch: str) -> None:
        other, self.epoch = bool(self.epoch and epoch and epoch != self.epoch), epoch
        if not epoch:
            self.open.clear()
            self.lost.set()
            return
        self.open.set()
        self.was_open = True
        if other:
            # lost and opened again by others between two of our heartbeats
            self.rolled_back.set()

    def _away(self, error: Exception) -> None:
        self.open.clear()
        self._verified = float("-inf")
        text = str(error) or type(error).__name__
        if text != self.fault:
            log.warning("nothing is dispatched: %s", text)
        self.fault = text
        self.away()

    def reject(self) -> None:
        """A dispatch found another epoch: nothing more until a heartbeat has told which."""
        self.open.clear()
