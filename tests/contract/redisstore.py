"""A real Redis behind the harness."""

from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis

from builders import now
from contract.harness import EPOCH, GROUP, LEASE, Store
from kronstream.streams.counting import RedisCounting
from kronstream.streams.effects import RedisEffects
from kronstream.streams.eventletters import RedisEventLetters
from kronstream.streams.externals import RedisExternals
from kronstream.streams.keys import Keys
from kronstream.streams.ledger import RedisLedger
from kronstream.streams.letters import RedisLetters
from kronstream.streams.listing import RedisListing
from kronstream.streams.queues import RedisQueues
from kronstream.streams.records import Records
from kronstream.streams.requests import RedisRequests
from kronstream.streams.runqueue import RedisRunQueue
from kronstream.streams.scripts import Scripts, source
from kronstream.streams.wires import RedisWires

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
  elseif string.find(key, P .. 'run:', 1, true) == 1 and call('HEXISTS', key, 'pk') == 1 then
    call('HINCRBY', key, 'pk', -ms)
  elseif string.find(key, P .. 'run:', 1, true) == 1 and call('HEXISTS', key, 'nb') == 1 then
    call('HINCRBY', key, 'nb', -ms)
  elseif string.find(key, P .. 'pace:', 1, true) == 1 then
    call('SET', key, string.format('%.3f', call('GET', key) - ms), 'KEEPTTL')
  elseif string.find(key, P .. 'job:', 1, true) == 1 and (call('HGET', key, 'pun') or '') ~= '' then
    call('HINCRBY', key, 'pun', -ms)
  elseif string.find(key, P .. 'ei:', 1, true) == 1 then
    call('HINCRBY', key, 's', -ms)
  end
end
local timed = { 'unfinished', 'workers', 'jobs', 'backfills', 'ewait', 'etend', 'routers', 'orders' }
for _, key in ipairs(call('KEYS', '*')) do
  local name = string.sub(key, #P + 1)
  timed[#timed + 1] = string.match(name, '^eitems:.*') or string.match(name, '^eopen:.*')
end
for _, name in ipairs(timed) do
  for _, member in ipairs(call('ZRANGE', P .. name, 0, -1)) do call('ZINCRBY', P .. name, -ms, member) end
end
for _, name in ipairs({ 'replicas', 'rebuild' }) do
  for _, field in ipairs(call('HKEYS', P .. name)) do
    if string.sub(field, 1, 6) ~= 'ready:' then call('HINCRBY', P .. name, field, -ms) end
  end
end
local hold = tonumber(call('GET', P .. 'hold') or '')
if hold then call('SET', P .. 'hold', string.format('%.0f', hold - ms)) end
"""

# What a clock that is set forward does to times to live, and one that is set back.
EXPIRE = """
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if left >= 0 and left <= tonumber(ARGV[1]) then
    redis.call('DEL', key)
  elseif left > 0 then
    redis.call('PEXPIRE', key, left - ARGV[1])
  end
end
"""


LINES = """
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind = string.match(string.sub(key, #ARGV[1] + 1), '^%a+')
  if kind == 'waiting' or kind == 'gwait' or kind == 'group' then
    found[#found + 1] = { key, redis.call('ZRANGE', key, 0, -1) }
  end
end
return found
"""


class JumpedScripts(Scripts):
    """Scripts that read another clock: a server's cannot be set."""

    def __init__(self, redis: Redis, keys: Keys, offset: int) -> None:
        super().__init__(redis, keys, GROUP)
        self.offset = offset

    def text(self, name: str) -> str:
        read = "local clock = call('TIME')\n"
        found = source(name)
        assert read in found
        seconds, rest = divmod(self.offset, 1000)
        assert not rest, "whole seconds"
        return found.replace(read, f"{read}clock[1] = clock[1] + {seconds}\n")


class RedisStore(Store):
    """A real Redis; ``advance`` moves every stored deadline instead of the clock."""

    def __init__(self, redis: Redis, *, lease: int = LEASE) -> None:
        self.redis = redis
        self.keys = Keys()
        self.queue = RedisRunQueue(redis, self.keys, GROUP, lease=lease)
        self.ledger = RedisLedger(redis, self.keys, GROUP)
        self.records = Records(redis, self.keys)
        self.listing = RedisListing(redis, self.keys)
        self.requests = RedisRequests(redis, self.keys, GROUP)
        self.externals = RedisExternals(redis, self.keys, GROUP)
        self.effects = RedisEffects(redis, self.keys, GROUP)
        self.event_letters = RedisEventLetters(redis, self.keys)
        self.letters = RedisLetters(redis, self.keys)
        self.wires = RedisWires(redis, self.keys, GROUP)
        self.queues = RedisQueues(redis, self.keys, GROUP)
        self.counting = RedisCounting(redis, self.keys)
        self.offset = 0

    async def open(self) -> None:
        """Empty, and open."""
        await self.redis.flushall()
        await self.redis.set(self.keys.epoch, EPOCH)

    def now(self) -> int:
        return now() + self.offset

    async def advance(self, ms: int) -> None:
        await self.redis.eval(ADVANCE, 0, self.keys.base, GROUP, ms)

    async def jump(self, ms: int) -> None:
        self.offset += ms
        scripts = JumpedScripts(self.redis, self.keys, self.offset)
        for part in (self.queue, self.ledger, self.requests, self.externals, self.queues, self.effects):
            part._scripts = scripts
        self.requests.now = self._now
        await self.redis.eval(EXPIRE, 0, ms)

    async def _now(self) -> int:
        return self.now()

    async def wipe(self) -> None:
        await self.redis.flushall()

    async def reopen(self) -> None:
        await self.redis.set(self.keys.epoch, EPOCH)

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

    async def burden(self, effects: int, size: int) -> None:
        await self.redis.hincrby(self.keys.effect_load, "n", effects)
        await self.redis.hincrby(self.keys.effect_load, "b", size)

    async def outcomes(self) -> list[Mapping[str, str]]:
        return [fields for _, fields in await self.redis.xrange(self.keys.outcomes)]

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

    async def lines(self) -> dict[str, list[str]]:
        stem = self.keys.run("").removesuffix("run:")
        rows = await self.redis.eval(LINES, 0, stem)
        found = {key.removeprefix(stem): members for key, members in rows}
        return {name: sorted(runs) if name.startswith("group:") else runs for name, runs in found.items()}

    async def works(self, uid: str) -> set[int]:
        return {int(field) for field in await self.redis.hkeys(f"{{{self.keys.base}}}:work:{uid}")}

    async def undying(self, uid: str) -> set[str]:
        found = set()
        for key in await self.redis.keys("*"):
            if uid in key and await self.redis.pttl(key) == -1:
                found.add(key)
        for name in ("unfinished", "jobs", "byname", "dirty", "backfills", "etend"):
            for member in await self.redis.zrange(f"{{{self.keys.base}}}:{name}", 0, -1):
                if uid in member:
                    found.add(f"{name}:{member}")
        found |= {f"name:{name}" for name, known in (await self.redis.hgetall(self.keys.names)).items() if known == uid}
        for kind in ("group", "gwait", "backfill", "ei"):
            found |= await self._members(self.keys.run("").replace(":run:", f":{kind}:"), uid)
        return found

    async def _members(self, prefix: str, uid: str) -> set[str]:
        """Keys without an end that mention a job inside."""
        found = set()
        for key in await self.redis.keys(prefix.replace("{", "\\{") + "*"):
            hashed = await self.redis.type(key) == "hash"
            inside = (await self.redis.hgetall(key)).values() if hashed else await self.redis.zrange(key, 0, -1)
            if await self.redis.pttl(key) == -1 and any(uid in text for text in inside):
                found.add(key)
        return found
