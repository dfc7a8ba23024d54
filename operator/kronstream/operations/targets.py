"""The ScheduledJobs that runJob names, as the store knows them."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kronstream.domain.work import Work
from kronstream.ports import Effects, Requests, Stored

MISSING_FOR = 1.0  # seconds for which a job that is not there is not looked for again
AT_ONCE = 32
MOST, MOST_BYTES = 20_000, 64 * 1024**2

Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """A job in force: its identity, its generation, its own payload; ``stored`` is there when its keys must be told."""

    uid: str
    generation: int
    payload: Any
    stored: Stored | None
    size: int


class Targets:
    """Remembers jobs by name. What is remembered may be overtaken: a run names the generation that it was made from,
    and the store refuses it when another one is in force; then the job is forgotten here, and asked for anew."""

    def __init__(self, effects: Effects, requests: Requests) -> None:
        self._effects = effects
        self._requests = requests
        self._found: OrderedDict[Name, Target] = OrderedDict()
        self._missing: dict[Name, float] = {}
        self._size = 0

    def get(self, name: Name) -> Target | None:
        """A job that was fetched; None for one that is not there."""
        return self._found.get(name)

    def forget(self, name: Name) -> None:
        """What is remembered of a job is not true any more."""
        found = self._found.pop(name, None)
        self._size -= found.size if found is not None else 0
        self._missing.pop(name, None)

    def clear(self) -> None:
        """The store was lost."""
        self._found.clear()
        self._missing.clear()
        self._size = 0

    async def fetch(self, names: Iterable[Name]) -> None:
        """See to it that `get` answers for these. Raises what redis-py raises."""
        now = time.monotonic()
        wanted = []
        for name in dict.fromkeys(names):
            if name in self._found:
                self._found.move_to_end(name)
            elif now - self._missing.get(name, float("-inf")) > MISSING_FOR:
                wanted.append(name)
        for start in range(0, len(wanted), AT_ONCE):
            await asyncio.gather(*map(self._ask, wanted[start : start + AT_ONCE]))
        self._bound()

    async def _ask(self, name: Name) -> None:
        uid = await self._effects.job_named(*name)
        stored = await self._requests.stored(uid) if uid is not None else None
        if stored is None:
            self._missing[name] = time.monotonic()
            return
        self.forget(name)
        self._found[name] = found = _target(stored)
        self._size += found.size

    def _bound(self) -> None:
        while len(self._found) > MOST or self._size > MOST_BYTES:
            _, gone = self._found.popitem(last=False)
            self._size -= gone.size
        if len(self._missing) > MOST:
            self._missing.clear()


def _target(stored: Stored) -> Target:
    try:
        work = Work.load(stored.work) if stored.work is not None else None
    except ValueError:
        work = None  # by a newer version: the run gets the event alone
    keyed = work is not None and bool(work.keys)
    return Target(
        stored.uid,
        stored.generation,
        work.payload if work is not None else None,
        stored if keyed else None,
        len(stored.work or ""),
    )
