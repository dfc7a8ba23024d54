"""What a soak that is over leaves in Redis: nothing that waits or is held, and nothing that never goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from integration.workerbench import GROUP
from kronstream.domain.run import Lane, State
from kronstream.streams.keys import Keys
from kronstream.streams.ledger import RedisLedger
from soak.evidence import Books, Evidence

QUEUES = ("default", "reports", "slow", "rough")
UNREAD = 50  # orders that a reader left when it died, and that nobody waits for
EMPTY = ("active:", "waiting:", "group:", "gwait:", "gate:", "gline:", "unfinished", "recalls", "paced", "gates",
         "backfills")  # fmt: skip
LASTING = (
    "job:",
    "work:",
    "q:",
    "jobs",
    "names",
    "byname",
    "gone",
    "epoch",
    "counts",
    "workers",
    "dead",
    "dirty",
    "seen",
    "hold",
    "jump",
)
REPLIES, ORDERS = "stream:scheduler:replies", "stream:agents:dispatch"


async def remains(redis: Any, evidence: Evidence) -> None:
    """Note what is left and should not be, and the counters of the jobs."""
    keys = Keys()
    async for fault in _streams(redis, keys):
        evidence.left.append(fault)
    async for fault in _keys(redis, keys):
        evidence.left.append(fault)
    uids = list(evidence.kinds)
    for uid, state in zip(uids, await RedisLedger(redis, keys, GROUP).describe(uids), strict=True):
        if state is None:
            evidence.left.append(f"{evidence.kinds[uid].name}: the job is not known any more")
        else:
            evidence.books[uid] = Books(dict(state.runs), dict(state.skipped), state.active)


async def _streams(redis: Any, keys: Keys) -> AsyncIterator[str]:
    for lane in (keys.lane(queue, lane) for queue in QUEUES for lane in Lane):
        if not await redis.exists(lane):
            continue
        pending = sum(group["pending"] for group in await redis.xinfo_groups(lane))
        entries = await redis.xlen(lane)
        if pending or entries:
            yield f"{lane}: {entries} entries, {pending} pending"
    if letters := await redis.xrange(keys.dead, count=3):
        yield f"dead letters: {letters}"
    if replies := await redis.xlen(REPLIES):
        yield f"{replies} replies that nobody worked on"
    if (orders := await redis.xlen(ORDERS)) > UNREAD:
        yield f"{orders} orders were not deleted"


async def _keys(redis: Any, keys: Keys) -> AsyncIterator[str]:
    prefix = keys.unfinished.removesuffix("unfinished")
    async for key in redis.scan_iter(f"{prefix}*", count=1000):
        name = key.removeprefix(prefix)
        if name.startswith(EMPTY):
            yield f"{key} is there still"
        elif not name.startswith(LASTING) and await redis.ttl(key) == -1:
            yield f"{key} will never go"
        if name.startswith("run:"):
            state = await redis.hget(key, "st")
            if state is not None and not State(state).terminal:
                yield f"{key} is {state}"
