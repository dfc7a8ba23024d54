"""Very many execution records: copies of real ones, made inside Redis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from kronstream.streams.keys import Keys

BATCH = 2_000
COPY = """
local P, template, uid, name, state = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local first, count, ttl = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local lists = state == 'success' and { 'good:' .. uid } or { 'bad:' .. uid, 'bad:' .. uid .. ':' .. state }
local fields, at = redis.call('HGETALL', P .. 'run:' .. template), {}
for i = 1, #fields, 2 do at[fields[i]] = i + 1 end
fields[at.uid], fields[at.nm] = uid, name
local scored = {}
for n = 0, count - 1 do
  local due = first - n * 1000
  local id = uid .. '-s' .. string.format('%.0f', due)
  for field, late in pairs({ nom = 0, at = 1, sta = 2, fin = 7 }) do
    fields[at[field]] = string.format('%.0f', due + late)
  end
  redis.call('HSET', P .. 'run:' .. id, unpack(fields))
  redis.call('PEXPIRE', P .. 'run:' .. id, ttl)
  scored[#scored + 1], scored[#scored + 2] = fields[at.fin], id
end
for _, list in ipairs(lists) do
  for i = 1, #scored, 1000 do redis.call('ZADD', P .. list, unpack(scored, i, math.min(i + 999, #scored))) end
  redis.call('PEXPIRE', P .. list, ttl)
end
"""
TTL = 7 * 86_400_000


@dataclass(frozen=True)
class Owner:
    """A job that gets records."""

    uid: str
    name: str


async def copy(redis: Redis, run: str, state: str, owners: Sequence[Owner], each: int, last: int) -> float:
    """Give each job ``each`` records like that of a run, which ended in a state, due at every second before ``last``
    (milliseconds); bytes of memory a record."""
    keys = Keys()
    prefix = keys.jobs.removesuffix("jobs")
    script = redis.register_script(COPY)
    before = int((await redis.info("memory"))["used_memory"])
    for owner in owners:
        for start in range(0, each, BATCH):
            first, count = last - start * 1000, min(BATCH, each - start)
            await script(args=[prefix, run, owner.uid, owner.name, state, first, count, TTL])
    after = int((await redis.info("memory"))["used_memory"])
    return (after - before) / (each * len(owners))
