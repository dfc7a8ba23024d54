"""Keeps what is known of resources true: kopf's watch tells of every change, a list finds what no watch can tell."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from kronstream.cluster.api import ApiError
from kronstream.cluster.resources import Resources
from kronstream.cluster.watch import Inbox, Watch
from kronstream.health import Pace
from kronstream.trouble import Trouble
from kronstream.vitals import WatchVitals

log = logging.getLogger(__name__)

SETTLE = 0.5
RETRY = 1.0


class Followed(Protocol):
    """Who is told of the resources of a kind."""

    def begin(self) -> int:
        """A complete list is asked for."""
        ...

    def replace(self, mark: int, objects: Iterable[Any]) -> None:
        """A complete list came."""
        ...

    def put(self, obj: Mapping[str, Any]) -> object:
        """A resource was made or changed."""
        ...

    def drop(self, uid: str) -> None:
        """A resource was deleted."""
        ...


class Following:
    """Follows the resources of a kind; ``every`` is the seconds between two lists. The watch's pace joins ``paces``."""

    def __init__(
        self,
        resources: Resources,
        namespaces: tuple[str, ...],
        followed: Followed,
        every: float,
        vitals: WatchVitals,
        paces: list[Pace],
    ) -> None:
        self._resources = resources
        self._namespaces = namespaces
        self._followed = followed
        self._every = every
        self._vitals = vitals
        self._paces = paces
        self._relisted = asyncio.Event()
        self.fault = f"not all {resources.PLURAL} are known yet"

    async def run(self) -> None:
        """Follow until cancelled."""
        inbox = Inbox(asyncio.get_running_loop(), self._observe, self._relisted.set)
        watch = Watch(inbox, self._resources.PLURAL, self._namespaces, self._vitals)
        self._paces.append(watch.pace)
        watch.start()
        try:
            await self._list(watch)
        finally:
            await asyncio.to_thread(watch.stop)

    async def _list(self, watch: Watch) -> None:
        trouble = Trouble(log, f"listing {self._resources.PLURAL} failed, tried again")
        while True:
            self._relisted.clear()
            try:
                mark = self._followed.begin()
                self._followed.replace(mark, await self._resources.list_whole())
                self.fault = ""
                trouble.over()
                watch.close_gap()
            except (ApiError, OSError, TimeoutError) as error:
                trouble.tell(error)
                await asyncio.sleep(RETRY)
                continue
            try:
                async with asyncio.timeout(self._every):
                    await self._relisted.wait()
                await asyncio.sleep(SETTLE)  # a list comes as many events: one comparison for all of them
            except TimeoutError:
                pass

    def _observe(self, kind: str | None, obj: Mapping[str, Any]) -> None:
        if kind == "DELETED" or obj["metadata"].get("deletionTimestamp"):
            self._followed.drop(obj["metadata"]["uid"])
        else:
            self._followed.put(obj)
