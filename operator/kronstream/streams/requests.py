"""What people and programs ask about single jobs and runs, on Redis."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from kronstream.domain.run import Trigger, run_id
from kronstream.ports import Backfill, Change, Epoch, Request, Stored, Word
from kronstream.streams.keys import Keys
from kronstream.streams.runqueue import clean
from kronstream.streams.scripts import Scripts

_CHANGES = {"cancelled": Change.OK, "unknown": Change.GONE, "known": Change.SAME}


class RedisRequests:
    """Requests on one Redis."""

    def __init__(self, redis: Redis, keys: Keys, group: str) -> None:
        self._redis = redis
        self._keys = keys
        self._scripts = Scripts(redis, keys, group)

    async def epoch(self) -> str:
        """See Requests."""
        return str(await self._redis.get(self._keys.epoch) or "")

    async def now(self) -> int:
        """See Requests."""
        seconds, micros = await self._redis.time()
        return int(seconds) * 1000 + int(micros) // 1000

    async def stored(self, uid: str) -> Stored | None:
        """See Requests."""
        fields = ("ns", "name", "gen", "when", "cur", "jit")
        values = await self._redis.hmget(self._keys.job(uid), *fields)
        namespace, name, generation, when, cursor, jitter = (None if value is None else str(value) for value in values)
        if namespace is None or name is None or generation is None or cursor is None:
            return None
        text = await self._redis.hget(self._keys.work(uid), generation)
        work = None if text is None else str(text)
        return Stored(uid, namespace, name, int(generation), when or "", int(cursor), work, int(jitter or 0))

    async def request(self, epoch: str, requests: Sequence[Request]) -> list[tuple[Word, str]]:
        """See Requests."""
        if not requests:
            return []
        text = json.dumps([_request(item) for item in requests], ensure_ascii=False, separators=(",", ":"))
        rows = await self._scripts.run("request", epoch, clean(text))
        if rows[0][0] == "epoch":
            raise Epoch
        return [(Word(word), detail) for word, detail in rows]

    async def cancel(self, runs: Sequence[str], by: str) -> list[Change]:
        """See Requests."""
        return _changes(await self._scripts.run("cancel", clean(by), *runs)) if runs else []

    async def pause(self, uids: Sequence[str], by: str, reason: str, until: int | None) -> list[Change]:
        """See Requests."""
        end = "" if until is None else until
        return _changes(await self._scripts.run("pause", "pause", clean(by), clean(reason), end, *uids)) if uids else []

    async def resume(self, uids: Sequence[str]) -> list[Change]:
        """See Requests."""
        return _changes(await self._scripts.run("pause", "resume", "", "", "", *uids)) if uids else []

    async def skip(self, uid: str, instants: Sequence[int], *, undo: bool = False) -> Change:
        """See Requests."""
        return Change(await self._scripts.run("skip", uid, "unskip" if undo else "skip", *instants))

    async def create_backfill(self, backfill: Backfill) -> Change:
        """See Requests."""
        text = json.dumps(_fields(backfill), ensure_ascii=False, separators=(",", ":"))
        return _change(await self._scripts.run("backfill", "create", backfill.id, backfill.uid, clean(text)))

    async def step_backfill(self, epoch: str, backfill: Backfill, nominal: int | None) -> str:
        """See Requests."""
        following: tuple[str, ...] = ()
        if nominal is not None:
            following = (str(nominal), run_id(backfill.uid, Trigger.BACKFILL, f"{backfill.id}.{nominal}"))
        answer = str(await self._scripts.run("backfill", "step", epoch, backfill.id, backfill.cursor, *following))
        if answer == "epoch":
            raise Epoch
        return answer

    async def cancel_backfill(self, backfill: str, by: str) -> Change:
        """See Requests."""
        return _change(await self._scripts.run("stop", backfill, clean(by)))

    async def backfill(self, backfill: str) -> Backfill | None:
        """See Requests."""
        fields = await self._redis.hgetall(self._keys.backfill(backfill))
        known = {str(name): str(value) for name, value in fields.items()}
        return _backfill(backfill, known) if "st" in known else None

    async def backfills_of(self, uid: str) -> list[Backfill]:
        """See Requests."""
        return await self._backfills(await self._redis.zrange(self._keys.backfills_of(uid), 0, -1, desc=True))

    async def backfills_due(self, limit: int = 100) -> list[Backfill]:
        """See Requests."""
        now = await self.now()
        return await self._backfills(await self._redis.zrangebyscore(self._keys.backfills, "-inf", now, 0, limit))

    async def _backfills(self, ids: Sequence[Any]) -> list[Backfill]:
        found = [await self.backfill(str(one)) for one in ids]
        return [one for one in found if one is not None]


def _change(answer: str) -> Change:
    return _CHANGES.get(answer) or Change(answer)


def _changes(answers: Sequence[str]) -> list[Change]:
    return [_change(answer) for answer in answers]


def _request(item: Request) -> dict[str, Any]:
    return {
        "uid": item.uid,
        "run": item.run,
        "nominal": item.nominal,
        "gen": item.generation,
        "payload": item.payload,
        "of": item.retry_of,
        "by": item.by,
        "trace": item.trace,
        "value": item.value,
        "depth": item.depth or None,
        "keys": None if item.keys is None else json.dumps([gate.shape() for gate in item.keys], separators=(",", ":")),
    }


def _fields(backfill: Backfill) -> dict[str, Any]:
    return {
        "when": backfill.when,
        "from": backfill.begin,
        "to": backfill.end,
        "cur": backfill.cursor,
        "int": backfill.interval,
        "con": backfill.concurrent,
        "tot": backfill.total,
        "by": backfill.by,
    }


def _backfill(name: str, fields: Mapping[str, str]) -> Backfill:
    return Backfill(
        id=name,
        uid=fields["uid"],
        when=fields["when"],
        begin=int(fields["from"]),
        end=int(fields["to"]),
        cursor=int(fields["cur"]),
        interval=int(fields["int"]),
        concurrent=int(fields["con"]),
        total=int(fields["tot"]),
        by=fields.get("by", ""),
        state=fields["st"],
        started=int(fields["beg"]),
        succeeded=int(fields["ok"]),
        failed=int(fields["bad"]),
        created=int(fields["at"]),
        finished=int(fields["fin"]) if "fin" in fields else None,
    )
