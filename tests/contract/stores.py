"""The stores under test, each behind one harness: the ports, and what a test must see or break from outside."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis

from builders import now
from kronstream.domain.run import Lane
from kronstream.ports import Ledger, RunQueue, RunRecords
from kronstream.streams.keys import Keys
from kronstream.streams.ledger import RedisLedger
from kronstream.streams.records import Records
from kronstream.streams.runqueue import RedisRunQueue
from kronstream.testing import FixedClock, MemoryLedger, MemoryRecords, MemoryRunQueue, MemoryStore
from kronstream.testing.lane import LaneStream

GROUP = "scheduler-workers"
LEASE = 10_000
EPOCH = "epoch-1"
KEPT = ("clock", "waiters", "_births")  # of a store in memory, when it goes back to a copy

# Moves every deadline in Redis nearer: a server's clock cannot be set.
ADVANCE = """
local P, group, ms = '{' .. ARGV[1] .. '}:', ARGV[2], tonumber(ARGV[3])
local call = redis.call
for _, key in ipairs(call('KEYS', '*')) do
  local left = call('PTTL', key)
  if left >= 0 and left <= ms then
    call('DEL', key)
  elseif left > 0 then
    call('PEXPIRE', key, left - ms)
  end
  if call('TYPE', key).ok == 'stream' and #call('XINFO', 'GROUPS', key) > 0 then
    for _, row in ipairs(call('XPENDING', key, group, '-', '+', 10000)) do
      call('XCLAIM', key, group, row[2], 0, row[1], 'IDLE', row[3] + ms, 'JUSTID')
    end
  elseif string.find(key, P .. 'run:', 1, true) == 1 and call('HEXISTS', key, 'dl') == 1 then
    call('HINCRBY', key, 'dl', -ms)
  end
end
for _, name in ipairs({ 'unfinished', 'workers', 'jobs' }) do
  for _, member in ipairs(call('ZRANGE', P .. name, 0, -1)) do call('ZINCRBY', P .. name, -ms, member) end
end
for _, name in ipairs({ 'replicas', 'rebuild' }) do
  for _, field in ipairs(call('HKEYS', P .. name)) do
    if string.sub(field, 1, 6) ~= 'ready:' then call('HINCRBY', P .. name, field, -ms) end
  end
end
"""


class Store(ABC):
    """One store behind its ports, open under the epoch EPOCH."""

    queue: RunQueue
    ledger: Ledger
    records: RunRecords

    @abstractmethod
    def now(self) -> int:
        """The store's clock, in milliseconds."""

    @abstractmethod
    async def advance(self, ms: int) -> None:
        """Let time pass: leases end, retries and timers come due, times to live run out."""

    @abstractmethod
    async def wipe(self) -> None:
        """Lose everything, the epoch too."""

    @abstractmethod
    async def snapshot(self) -> Any:
        """A copy of everything."""

    @abstractmethod
    async def restore(self, copied: Any) -> None:
        """Go back to a copy."""

    @abstractmethod
    async def inject(self, fields: Mapping[str, str], queue: str = "default", lane: str = "medium") -> None:
        """Append an entry as another producer would."""

    @abstractmethod
    async def entries(self, queue: str = "default", lane: str = "medium") -> list[Mapping[str, str]]:
        """Every entry of a lane, delivered or not."""

    @abstractmethod
    async def pending(self, queue: str = "default", lane: str = "medium") -> list[tuple[str, str]]:
        """(run id, consumer) of every entry delivered and not acknowledged; the id is '' where the entry is gone."""

    @abstractmethod
    async def consumers(self, queue: str = "default", lane: str = "medium") -> set[str]:
        """Names of the lane's consumers."""

    @abstractmethod
    async def lose_entries(self, queue: str = "default", lane: str = "medium") -> None:
        """Lose every entry of a lane, and nothing else."""

    @abstractmethod
    async def dead_letters(self) -> list[Mapping[str, str]]:
        """What was set aside."""

    @abstractmethod
    async def census(self) -> dict[str, tuple[str, int, str | None]]:
        """State, attempt and reason of every run on record."""

    @abstractmethod
    async def works(self, uid: str) -> set[int]:
        """Generations of a job whose work is stored."""

    @abstractmethod
    async def undying(self, uid: str) -> set[str]:
        """Names of what mentions a job and has no end."""


class RedisStore(Store):
    """A real Redis; ``advance`` moves every stored deadline instead of the clock."""

    def __init__(self, redis: Redis, *, lease: int = LEASE) -> None:
        self.redis = redis
        self.keys = Keys()
        self.queue = RedisRunQueue(redis, self.keys, GROUP, lease=lease)
        self.ledger = RedisLedger(redis, self.keys, GROUP)
        self.records = Records(redis, self.keys)

    async def open(self) -> None:
        """Empty, and open."""
        await self.redis.flushall()
        await self.redis.set(self.keys.epoch, EPOCH)

    def now(self) -> int:
        return now()

    async def advance(self, ms: int) -> None:
        await self.redis.eval(ADVANCE, 0, self.keys.base, GROUP, ms)

    async def wipe(self) -> None:
        await self.redis.flushall()

    async def snapshot(self) -> Any:
        # the values are not text: a client of their own
        async with self._raw() as raw:
            return {key: (await raw.pttl(key), await raw.dump(key)) for key in await raw.keys("*")}

    async def restore(self, copied: Any) -> None:
        async with self._raw() as raw:
            await raw.flushall()
            for key, (ttl, value) in copied.items():
                await raw.restore(key, max(ttl, 0), value)

    def _raw(self) -> Redis:
        return Redis(unix_socket_path=self.redis.connection_pool.connection_kwargs["path"])

    async def inject(self, fields: Mapping[str, str], queue: str = "default", lane: str = "medium") -> None:
        await self.redis.xadd(self.keys.lane(queue, lane), dict(fields))

    async def entries(self, queue: str = "default", lane: str = "medium") -> list[Mapping[str, str]]:
        return [fields for _, fields in await self.redis.xrange(self.keys.lane(queue, lane))]

    async def pending(self, queue: str = "default", lane: str = "medium") -> list[tuple[str, str]]:
        key = self.keys.lane(queue, lane)
        known = dict(await self.redis.xrange(key))
        return [(known.get(row["message_id"], {}).get("run", ""), row["consumer"]) for row in await self._pending(key)]

    async def _pending(self, key: str) -> list[Any]:
        return await self.redis.xpending_range(key, GROUP, "-", "+", 10_000) if await self._groups(key) else []

    async def consumers(self, queue: str = "default", lane: str = "medium") -> set[str]:
        key = self.keys.lane(queue, lane)
        return (
            {row["name"] for row in await self.redis.xinfo_consumers(key, GROUP)} if await self._groups(key) else set()
        )

    async def _groups(self, key: str) -> bool:
        return bool(await self.redis.exists(key)) and bool(await self.redis.xinfo_groups(key))

    async def lose_entries(self, queue: str = "default", lane: str = "medium") -> None:
        await self.redis.xtrim(self.keys.lane(queue, lane), maxlen=0, approximate=False)

    async def dead_letters(self) -> list[Mapping[str, str]]:
        return [fields for _, fields in await self.redis.xrange(self.keys.dead)]

    async def census(self) -> dict[str, tuple[str, int, str | None]]:
        keys = sorted(await self.redis.keys(self.keys.run("*")))
        pipe = self.redis.pipeline(transaction=False)
        for key in keys:
            pipe.hmget(key, "st", "att", "why")
        rows = await pipe.execute() if keys else []
        prefix = self.keys.run("")
        return {
            key.removeprefix(prefix): (state, int(attempt), reason or None)
            for key, (state, attempt, reason) in zip(keys, rows, strict=True)
        }

    async def works(self, uid: str) -> set[int]:
        return {int(field) for field in await self.redis.hkeys(f"{{{self.keys.base}}}:work:{uid}")}

    async def undying(self, uid: str) -> set[str]:
        found = set()
        for key in await self.redis.keys("*"):
            if uid in key and await self.redis.pttl(key) == -1:
                found.add(key)
        for name in ("unfinished", "jobs", "dirty"):
            for member in await self.redis.zrange(getattr(self.keys, name), 0, -1):
                if uid in member:
                    found.add(f"{name}:{member}")
        return found


class ModelStore(Store):
    """The store in memory; ``advance`` moves its clock."""

    def __init__(self) -> None:
        self.clock = FixedClock(now())
        self.memory = MemoryStore(self.clock, EPOCH)
        self.queue = MemoryRunQueue(self.memory, lease=LEASE)
        self.ledger = MemoryLedger(self.memory)
        self.records = MemoryRecords(self.memory)

    def now(self) -> int:
        return self.clock.now

    async def advance(self, ms: int) -> None:
        self.clock.advance(ms)

    async def wipe(self) -> None:
        self.memory.wipe()

    async def snapshot(self) -> Any:
        return copy.deepcopy({name: value for name, value in vars(self.memory).items() if name not in KEPT})

    async def restore(self, copied: Any) -> None:
        vars(self.memory).update(copy.deepcopy(copied))

    async def inject(self, fields: Mapping[str, str], queue: str = "default", lane: str = "medium") -> None:
        self._lane(queue, lane).add(dict(fields))

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

    async def census(self) -> dict[str, tuple[str, int, str | None]]:
        runs = [run for key in sorted(self.memory.runs) if (run := self.memory.run(key))]
        return {run.id: (run.state.value, run.attempt, run.reason) for run in runs}

    async def works(self, uid: str) -> set[int]:
        works = self.memory.works.get(uid)
        return set(works.texts) if works else set()

    async def undying(self, uid: str) -> set[str]:
        memory = self.memory
        endless = {key for key, run in memory.runs.items() if run.expires is None}
        endless |= {f"work:{key}" for key, works in memory.works.items() if works.expires is None}
        for name in ("jobs", "dirty", "unfinished"):
            endless |= {f"{name}:{key}" for key in getattr(memory, name)}
        for name in ("active", "waiting"):
            endless |= {f"{name}:{key}" for key, members in getattr(memory, name).items() if members}
        return {name for name in endless if uid in name}
