"""The ConfigMap that pauses namespaces, or all jobs: followed, and declared to the store.

Every replica declares what it reads; to declare the same twice changes nothing. An API server that is away changes
nothing either: what was declared stays in force.
"""

import asyncio
import logging
import time
from typing import Any

from redis.exceptions import RedisError

from kronstream.cluster.api import ApiError
from kronstream.cluster.configmaps import ConfigMap, Object
from kronstream.cluster.events import Events
from kronstream.controller.declaring import Declaring
from kronstream.controller.news import News, event_about
from kronstream.controller.pausetext import NOTHING, Written, read
from kronstream.controller.replicas import Replicas
from kronstream.ports import Pause
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

LOOK = 1.0
BACKOFF = (0.2, 0.5, 1.0, 2.0, 5.0)
REFUSALS = 3  # an API server that is starting refuses for a moment
FORBIDDEN = (401, 403)
BRIEF = 1.0
FAULTS = 10
_AWAY = (ApiError, OSError, TimeoutError)


class PauseMap:
    """Follows the ConfigMap.

    ``told`` is set once its pauses are in force, or when nobody may read them: until then nothing should be dispatched.
    """

    def __init__(self, declaring: Declaring, config: ConfigMap, events: Events, replicas: Replicas) -> None:
        self._declaring = declaring
        self._config = config
        self._events = events
        self._replicas = replicas
        self.told = asyncio.Event()
        self._written: Written | None = None
        self._news = asyncio.Event()
        # what was in force when the last declaration changed nothing
        self._settled: frozenset[tuple[str, Pause]] | None = None
        self._faults: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Follow the object until cancelled."""
        where = f"{self._config.namespace}/{self._config.name}"
        trouble = Trouble(log, f"ConfigMap {where} cannot be read; pauses of namespaces stay as they are")
        failures = refusals = 0
        while True:
            try:
                found, version = await self._config.read()
                await self._take(found)
                trouble.over()
                failures = refusals = 0
                async for found in self._config.changes(version):
                    await self._take(found)
            except _AWAY as error:
                if isinstance(error, ApiError):
                    refusals += 1
                if refusals >= REFUSALS:
                    self.told.set()
                # the first may be nothing but a server that is started anew, or a version that is too old
                if failures:
                    trouble.tell(error)
                await asyncio.sleep(BACKOFF[min(failures, len(BACKOFF) - 1)])
                failures += 1

    async def keep(self) -> None:
        """Declare every change, and anew what others or an older copy of the store made of it, until cancelled."""
        trouble = Trouble(log, "declaring the pauses failed, tried again")
        while True:
            await self._replicas.open.wait()
            try:
                await self.look()
                trouble.over()
            except (RedisError, OSError, TimeoutError) as error:
                trouble.tell(error)
                await asyncio.sleep(LOOK / 2)
                continue
            try:
                async with asyncio.timeout(LOOK):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Declare what is written if that changed, or if the store has other pauses than it had after the last time.

        Raises what Ledger raises.
        """
        before = await self._declaring.in_force()
        if self._written is None or (before == self._settled and not self._news.is_set()):
            return
        written = None
        if not self._news.is_set():
            try:
                # what this replica remembers may be old, and must not put back what others ended
                written = await self._live()
            except _AWAY:
                return
        if written is None or self._news.is_set():
            # read only now, together with the mark: what was told while an answer was awaited would be lost
            written = self._written
        self._news.clear()
        try:
            changed = await self._declaring.declare(written)
        except BaseException:
            self._news.set()
            raise
        self._settled = None if changed else before
        self.told.set()

    async def restore(self) -> None:
        """Declare for a store that was lost, before it opens.

        Raises what Ledger raises, and what ClusterApi raises when it is away and nothing is remembered.
        """
        before = self._written
        try:
            written = await self._live()
        except _AWAY as error:
            if before is None and not (isinstance(error, ApiError) and error.status in FORBIDDEN):
                raise
            written = before or NOTHING
        await self._declaring.restore(before or NOTHING, written)
        self.told.set()

    async def returned(self) -> None:
        """Declare for a store that was away and may be an older copy, before anything is dispatched.

        Raises what Ledger raises.
        """
        written = self._written
        if written is None:
            return
        try:
            async with asyncio.timeout(BRIEF):
                written = await self._live()
        except _AWAY:
            pass  # what is remembered is better than nothing; `look` sets it right later
        await self._declaring.declare(written)

    async def _live(self) -> Written:
        found, _ = await self._config.read()
        return await asyncio.to_thread(read, found)

    async def _take(self, found: Object | None) -> None:
        # a large one takes a while to be read, and what is due must not wait for that
        written = await asyncio.to_thread(read, found)
        if written != self._written:
            self._written = written
            self._news.set()
        new, self._faults = set(written.faults) - self._faults, frozenset(written.faults)
        for fault in sorted(new)[:FAULTS]:
            log.warning("ConfigMap %s/%s: %s", self._config.namespace, self._config.name, fault)
            await self._post(found or {}, fault)

    async def _post(self, found: Object, fault: str) -> None:
        try:
            await self._events.post(self._config.namespace, _event(found["metadata"], fault))
        except _AWAY as error:
            # the other replica posted the same, or the log has to do
            log.debug("no Event about the ConfigMap: %s", error)


def _event(meta: dict[str, Any], fault: str) -> dict[str, Any]:
    """The Event; replicas that tell the same of the same object make one of it."""
    about = {"apiVersion": "v1", "kind": "ConfigMap", **{name: meta[name] for name in ("namespace", "name", "uid")}}
    item = News("Warning", "UnreadablePause", fault, fault)
    return event_about(about, item, f"{meta['uid']}/{fault}", time.time_ns() // 1_000_000)
