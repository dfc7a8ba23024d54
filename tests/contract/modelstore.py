"""The store in memory behind the harness."""

import copy
from collections.abc import Mapping
from typing import Any

from builders import now
from contract.harness import EPOCH, LEASE, Store
from kronstream.domain.run import Lane
from kronstream.testing import (
    FixedClock,
    MemoryCounting,
    MemoryEffects,
    MemoryEventLetters,
    MemoryExternals,
    MemoryLedger,
    MemoryLetters,
    MemoryListing,
    MemoryQueues,
    MemoryRecords,
    MemoryRequests,
    MemoryRunQueue,
    MemoryStore,
    MemoryWires,
)
from kronstream.testing.lane import LaneStream

KEPT = ("clock", "waiters", "_births")  # when it goes back to a copy


class ModelStore(Store):
    """The store in memory; ``advance`` moves its clock."""

    def __init__(self) -> None:
        self.clock = FixedClock(now())
        self.memory = MemoryStore(self.clock, EPOCH)
        self.queue = MemoryRunQueue(self.memory, lease=LEASE)
        self.ledger = MemoryLedger(self.memory)
        self.records = MemoryRecords(self.memory)
        self.listing = MemoryListing(self.memory)
        self.requests = MemoryRequests(self.memory)
        self.letters = MemoryLetters(self.memory)
        self.wires = MemoryWires(self.memory)
        self.queues = MemoryQueues(self.memory)
        self.counting = MemoryCounting(self.memory)
        self.externals = MemoryExternals(self.memory)
        self.effects = MemoryEffects(self.memory)
        self.event_letters = MemoryEventLetters(self.memory)

    def now(self) -> int:
        return self.clock.now

    async def advance(self, ms: int) -> None:
        self.clock.advance(ms)
        if self.memory.seen is not None:
            self.memory.seen += ms  # others look at the clock all the time

    async def jump(self, ms: int) -> None:
        self.clock.advance(ms)

    async def wipe(self) -> None:
        self.memory.wipe()

    async def reopen(self) -> None:
        self.memory.epoch = EPOCH

    async def snapshot(self) -> Any:
        return copy.deepcopy({name: value for name, value in vars(self.memory).items() if name not in KEPT})

    async def restore(self, copied: Any) -> None:
        vars(self.memory).update(copy.deepcopy(copied))

    async def inject(self, fields: Mapping[str, str], queue: str = "default", lane: str = "medium") -> None:
        self._lane(queue, lane).add(dict(fields), self.now())

    def _lane(self, queue: str, lane: str) -> LaneStream:
        return self.memory.lanes[queue, Lane(lane)]

    async def entries(self, queue: str = "default", lane: str = "medium") -> list[Mapping[str, str]]:
        return list(self._lane(queue, lane).entries.values())

    async def pending(self, queue: str = "default", lane: str = "medium") -> list[tuple[str, str]]:
        stream = self._lane(queue, lane)
        found = sorted(stream.pending.items())
        return [(stream.entries.get(number, {}).get("run", ""), delivery.consumer) for number, delivery in found]

    async def consumers(self, queue: str = "default", lane: str = "medium") -> set[str]:
        return set(self._lane(queue, lane).consumers)

    async def lose_entries(self, queue: str = "default", lane: str = "medium") -> None:
        self._lane(queue, lane).entries.clear()

    async def dead_letters(self) -> list[Mapping[str, str]]:
        return list(self.memory.dead)

    async def burden(self, effects: int, size: int) -> None:
        number, held = self.memory.effect_load
        self.memory.effect_load = number + effects, held + size

    async def outcomes(self) -> list[Mapping[str, str]]:
        return list(self.memory.outcomes)

    async def census(self) -> dict[str, tuple[str, int, str | None]]:
        runs = [run for key in sorted(self.memory.runs) if (run := self.memory.run(key))]
        return {run.id: (run.state.value, run.attempt, run.reason) for run in runs}

    async def lines(self) -> dict[str, list[str]]:
        memory = self.memory
        found = {f"waiting:{uid}": list(line) for uid, line in memory.waiting.items()}
        found |= {f"gwait:{name}": sorted(line, key=line.__getitem__) for name, line in memory.group_lines.items()}
        found |= {f"group:{name}": sorted(members) for name, members in memory.groups.items()}
        return {name: runs for name, runs in found.items() if runs}

    async def works(self, uid: str) -> set[int]:
        works = self.memory.works.get(uid)
        return set(works.texts) if works else set()

    async def undying(self, uid: str) -> set[str]:
        memory = self.memory
        endless = {key for key, run in memory.runs.items() if run.expires is None}
        endless |= {f"work:{key}" for key, works in memory.works.items() if works.expires is None}
        endless |= {f"backfill:{known.uid}" for known in memory.backfills.values() if known.finished is None}
        for name in ("jobs", "dirty", "unfinished"):
            endless |= {f"{name}:{key}" for key in getattr(memory, name)}
        endless |= {f"waiting:{key}" for key, members in memory.waiting.items() if members}
        endless |= {f"active:{key}" for key, members in memory.active.items() if members and key in memory.jobs}
        for name in ("groups", "group_lines"):
            endless |= {f"{name}:{key}" for members in getattr(memory, name).values() for key in members}
        endless |= {f"item:{item.handler}:{key}" for key, item in memory.items.items()}
        endless |= {f"open:{key}" for key, members in memory.open_jobs.items() if members}
        endless |= {f"line:{key}" for key, members in memory.effect_lines.items() if members}
        endless |= {f"tending:{key}" for key in memory.tending} | {f"name:{key}" for key in memory.names.values()}
        return {name for name in endless if uid in name}
