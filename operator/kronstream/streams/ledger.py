"""The operator's side of the store, on Redis."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from kronstream.domain.limits import Gate
from kronstream.domain.outcomeevent import kind_of
from kronstream.domain.plan import Skipped
from kronstream.domain.run import HANDLER
from kronstream.ports import (
    Adopted,
    Adoption,
    Beat,
    Before,
    Conflict,
    Dispatch,
    Epoch,
    Expect,
    Gone,
    JobState,
    Pause,
    Seed,
    Stale,
    Verdict,
    WorkerCard,
)
from kronstream.streams.cards import live_workers
from kronstream.streams.jobstate import LAST, before, job_state
from kronstream.streams.keys import Keys
from kronstream.streams.runqueue import clean
from kronstream.streams.scripts import Scripts

EARLY = 50
SCAN = 2000

LET_GO = 1_000  # deleted jobs whose history has ended, at a time


class RedisLedger:
    """Ledger on one Redis."""

    def __init__(self, redis: Redis, keys: Keys, group: str) -> None:
        self._redis = redis
        self._keys = keys
        self._scripts = Scripts(redis, keys, group)

    async def adopt(self, adoptions: Sequence[Adoption]) -> list[Adopted | Stale | Conflict | Gone]:
        """See Ledger."""
        if not adoptions:
            return []
        text = json.dumps([_adoption(adoption) for adoption in adoptions], ensure_ascii=False, separators=(",", ":"))
        return [_adopted(row) for row in await self._scripts.run("adopt", text)]

    async def dispatch(self, epoch: str, items: Sequence[Dispatch]) -> list[tuple[Verdict, int]]:
        """See Ledger."""
        if not items:
            return []
        args: list[str | int] = []
        for item in items:
            args += _dispatch(item)
        answers = await self._scripts.run("dispatch", epoch, EARLY, *args)
        if answers == ["epoch"]:
            raise Epoch
        return [_verdict(answer) for answer in answers]

    async def describe(self, uids: Sequence[str]) -> list[JobState | None]:
        """See Ledger."""
        rows = await self._scripts.run("describe", *uids) if uids else []
        return [job_state(uid, row) for uid, row in zip(uids, rows, strict=True)]

    async def lasts(self, uids: Sequence[str]) -> list[Before]:
        """See Ledger."""
        pipe = self._redis.pipeline(transaction=False)
        for uid in uids:
            pipe.hmget(self._keys.job(uid), *LAST)
        return [before(dict(zip(LAST, row, strict=True))) for row in await pipe.execute()] if uids else []

    async def cursors(self, uids: Sequence[str]) -> list[int | None]:
        """See Ledger."""
        pipe = self._redis.pipeline(transaction=False)
        for uid in uids:
            pipe.hget(self._keys.job(uid), "cur")
        return [None if value is None else int(value) for value in await pipe.execute()] if uids else []

    async def dirty(self, cursor: int = 0, *, handlers: bool = False) -> tuple[int, list[str]]:
        """See Ledger."""
        following, pairs = await self._redis.zscan(self._keys.dirty, cursor, count=SCAN)
        return int(following), [str(uid) for uid, _ in pairs if str(uid).startswith(HANDLER) is handlers]

    async def clean(self, written: Sequence[tuple[str, int]]) -> None:
        """See Ledger."""
        if written:
            await self._scripts.run("clean", *(part for pair in written for part in pair))

    async def forget(self, uids: Sequence[str], before: int | None = None) -> int:
        """See Ledger."""
        if not uids:
            return 0
        return int(await self._scripts.run("forget", "" if before is None else before, *uids))

    async def past(self) -> list[str]:
        """See Ledger."""
        return [str(namespace) for namespace in await self._scripts.run("past", LET_GO)]

    async def purge(self, namespace: str, before: int | None = None, limit: int = 1_000) -> tuple[int, int]:
        """See Ledger."""
        taken, left = await self._scripts.run("purge", namespace, _text(before), limit)
        return int(taken), int(left)

    async def known(self, *, handlers: bool = False) -> list[str]:
        """See Ledger."""
        uids = [str(uid) for uid in await self._redis.zrange(self._keys.jobs, 0, -1)]
        return [uid for uid in uids if uid.startswith(HANDLER) is handlers]

    async def beat(self, replica: str, phase: str = "beat", candidate: str = "") -> Beat:
        """See Ledger."""
        now, micros, epoch, pulse, beats = await self._scripts.run("replica", replica, phase, candidate)
        return Beat(
            micros=int(now) * 1000 + int(micros) % 1000,
            epoch=epoch,
            pulse=int(pulse),
            replicas={name: int(at) for name, at in zip(beats[::2], beats[1::2], strict=True)},
        )

    async def workers(self) -> list[WorkerCard]:
        """See Ledger."""
        return await live_workers(self._redis, self._keys)

    async def sweep(self, limit: int = 100) -> int:
        """See Ledger."""
        return int(await self._scripts.run("sweep", limit))

    async def declare_pauses(self, source: str, pauses: Mapping[str, Pause], since: int | None = None) -> bool:
        """See Ledger."""
        args: list[str | int] = []
        for scope, pause in pauses.items():
            args += [scope, _text(pause.until), clean(pause.by).replace("|", "/"), clean(pause.reason)]
        return bool(await self._scripts.run("scopes", source, _text(since), *args))

    async def declared_pauses(self) -> Mapping[str, tuple[Pause, ...]]:
        """See Ledger."""
        found: dict[str, tuple[Pause, ...]] = {}
        rows = await self._redis.hgetall(self._keys.scopes)
        for field, text in sorted(rows.items()):
            scope = str(field).partition("/")[2]
            since, until, by, reason = str(text).split("|", 3)
            pause = Pause(int(since), int(until) if until else None, by, reason)
            found[scope] = (*found.get(scope, ()), pause)
        return found


def _skips(skips: Sequence[Skipped]) -> list[dict[str, Any]]:
    return [{"reason": s.reason.value, "count": s.count, "first": s.first, "last": s.last} for s in skips]


def _seed(seed: Seed) -> dict[str, Any]:
    return {
        "fields": dict(seed.fields),
        "unfinished": list(seed.unfinished),
        "asked": seed.asked,
        "claimed": list(seed.claimed),
    }


def _adoption(a: Adoption) -> dict[str, Any]:
    expect = a.expect
    return {
        "uid": a.uid,
        "ns": a.namespace,
        "name": a.name,
        "gen": a.generation,
        "rev": a.revision,
        "when": a.when,
        "cursor": a.cursor,
        "suspended": int(a.suspended),
        "invalid": int(a.invalid),
        "queue": a.queue,
        "lane": a.lane.value,
        "policy": a.policy,
        "backlog": a.backlog,
        "keep_good": a.keep_good,
        "keep_bad": a.keep_bad,
        "keep_age": a.keep_age,
        "jitter": a.jitter,
        "deadline": -1 if a.starting_deadline is None else a.starting_deadline,
        "limit": a.max_concurrent,
        "queued": a.max_queued,
        "group": f"{a.namespace}:{a.group}" if a.group else "",
        "group_max": a.group_max,
        "end_runs": _text(a.end_runs),
        "end_successes": _text(a.end_successes),
        "suspend_after": _text(a.suspend_after),
        "expected": _text(a.expected),
        "total": _text(a.total),
        "deliveries": a.deliveries,
        "fn": a.function,
        "depth": a.depth,
        "platform": clean(a.platform or ""),
        "scope": a.scope,
        "outcomes": " ".join(map(kind_of, a.outcomes)),
        "keys": _keys(a.keys),
        "work": a.work,
        "seed": _seed(a.seed) if a.seed else None,
        "expect": _expect(expect) if expect else None,
        "skips": _skips(a.skips),
        "rebuild": int(a.rebuild),
        "seq": a.seq,
        "alive": int(a.alive),
    }


def _expect(expect: Expect) -> dict[str, object]:
    return {"gen": expect.generation, "rev": expect.revision, "cursor": expect.cursor, "counted": expect.counted}


def _keys(gates: Sequence[Gate]) -> str:
    return json.dumps([gate.shape() for gate in gates], separators=(",", ":")) if gates else ""


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _adopted(row: Sequence[str]) -> Adopted | Stale | Conflict | Gone:
    match row:
        case ["ok", cursor, once, done]:
            return Adopted(int(cursor), once or None, int(done) if done else None)
        case ["stale", generation, revision, cursor]:
            return Stale(int(generation), revision, int(cursor))
        case ["conflict", generation, revision, when, cursor, suspended, invalid]:
            return Conflict(int(generation), revision, when, int(cursor), suspended == "1", invalid == "1")
        case ["gone"]:
            return Gone()
    raise ValueError(f"unknown answer of adopt: {row!r}")


def _dispatch(item: Dispatch) -> tuple[str | int, ...]:
    return (
        item.uid,
        item.generation,
        item.revision,
        item.cursor,
        f"o{item.to}" if item.once else item.to,
        ",".join(map(str, item.due) if not item.delays else map("{}+{}".format, item.due, item.delays)),
        ";".join(f"{s.reason.value}:{s.count}:{s.first}:{s.last}" for s in item.skips),
    )


def _verdict(answer: str) -> tuple[Verdict, int]:
    word, _, number = answer.partition(":")
    return Verdict(word), int(number or 0)
