"""Execution records, read from Redis."""

import json
from collections.abc import Iterator, Mapping, Sequence

from redis.asyncio import Redis

from kronstream.domain.run import State, trigger_of
from kronstream.ports import Attempt, Execution, Timing
from kronstream.settings import DEFAULT_GROUP
from kronstream.streams.keys import Keys
from kronstream.streams.scripts import Scripts

CHUNK = 500


def execution_of(run: str, fields: Mapping[str, str]) -> Execution:
    """The record that a hash holds, or those fields of it that were read."""

    def number(name: str) -> int | None:
        return int(fields[name]) if fields.get(name) else None

    return Execution(
        id=run,
        uid=fields["uid"],
        namespace=fields["ns"],
        name=fields["nm"],
        state=State(fields["st"]),
        trigger=trigger_of(run),
        nominal=number("nom"),
        generation=int(fields["gen"]),
        attempt=int(fields["att"]),
        dispatched=int(fields["at"]),
        started=number("sta"),
        finished=number("fin"),
        duration=number("dur"),
        reason=fields.get("why"),
        result=json.loads(fields["res"]) if "res" in fields else None,
        error=json.loads(fields["err"]) if "err" in fields else None,
        output=fields.get("out", ""),
        worker=fields.get("wk"),
        retry_of=fields.get("of"),
        requested_by=fields.get("by"),
        trace=fields.get("tr"),
        payload=fields.get("pl"),
        progress=json.loads(fields["pg"]) if "pg" in fields else None,
        previous=number("pv"),
        attempts=tuple(_attempts(fields)),
        slow="sl" in fields,
    )


def _attempts(fields: Mapping[str, str]) -> Iterator[Attempt]:
    """Those that others followed, then the last one, if one began."""
    for line in fields.get("atts", "").splitlines():
        raw = json.loads(line)
        error = f"{raw['type']}: {raw['message']}" if raw["type"] else ""
        yield Attempt(raw["n"], raw["wk"] or None, raw.get("sta"), raw["fin"], raw["why"], error)
    number, state = int(fields["att"]), State(fields["st"])
    if number and state is not State.RETRYING and "sta" in fields and state is not State.QUEUED:
        told = json.loads(fields["err"]) if "err" in fields and state.terminal else None
        error = f"{told['type']}: {told['message'][:512]}" if told else ""
        finished = int(fields["fin"]) if fields.get("fin") else None
        reason = fields.get("why") if state.terminal else None
        yield Attempt(number, fields.get("wk"), int(fields["sta"]), finished, reason, error)


def paired(row: Sequence[str]) -> dict[str, str]:
    """Fields and values that come by turns."""
    return dict(zip(row[::2], row[1::2], strict=True))


def _timing(row: Sequence[str | None]) -> Timing:
    state, finished = str(row[0]), int(row[1] or 0)
    nominal, started, duration = (int(text) if text else None for text in row[2:])
    return Timing(State(state), finished, nominal, started, duration)


class Records:
    """RunRecords on Redis."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._scripts = Scripts(redis, keys, DEFAULT_GROUP)

    async def get(self, run: str) -> Execution | None:
        """See RunRecords."""
        fields = await self._redis.hgetall(self._keys.run(run))
        return execution_of(run, {str(name): str(value) for name, value in fields.items()}) if fields else None

    async def page(
        self, uid: str, limit: int, offset: int = 0, state: State | None = None
    ) -> tuple[list[Execution], int]:
        """See RunRecords."""
        if state is not None and not state.terminal:
            found = await self._in_state(uid, state)
            return await self._read(found[offset : offset + limit]), len(found)
        which = "all" if state is None else state.value
        total, runs, rows = await self._scripts.run("page", uid, offset, limit, which, 1)
        records = [execution_of(str(run), paired(row)) for run, row in zip(runs, rows, strict=True) if row]
        return records, int(total)

    async def _in_state(self, uid: str, state: State) -> list[str]:
        """Ids of unfinished runs that are in a state; a chunk at a time, so that nobody waits for long."""
        found: list[str] = []
        total, offset = 1, 0
        while offset < total:
            total, runs, _ = await self._scripts.run("page", uid, offset, CHUNK, "active", 0)
            offset += CHUNK
            pipe = self._redis.pipeline(transaction=False)
            for run in runs:
                pipe.hget(self._keys.run(str(run)), "st")
            states = await pipe.execute() if runs else []
            found += [str(run) for run, st in zip(runs, states, strict=True) if st == state.value]
        return found

    async def _read(self, runs: Sequence[str]) -> list[Execution]:
        if not runs:
            return []
        pipe = self._redis.pipeline(transaction=False)
        for run in runs:
            pipe.hgetall(self._keys.run(run))
        return [execution_of(run, fields) for run, fields in zip(runs, await pipe.execute(), strict=True) if fields]

    async def owner(self, uid: str) -> tuple[str, str] | None:
        """See RunRecords."""
        namespace, name = await self._redis.hmget(self._keys.past(uid), "ns", "nm")
        return None if namespace is None or name is None else (str(namespace), str(name))

    async def timings(self, uid: str, since: int, limit: int) -> list[Timing]:
        """See RunRecords."""
        found: list[Timing] = []
        for key in (self._keys.good(uid), self._keys.bad(uid)):
            runs = await self._redis.zrange(key, "+inf", since, byscore=True, desc=True, offset=0, num=limit)
            for start in range(0, len(runs), CHUNK):
                pipe = self._redis.pipeline(transaction=False)
                for run in runs[start : start + CHUNK]:
                    pipe.hmget(self._keys.run(str(run)), "st", "fin", "nom", "sta", "dur")
                found += [_timing(row) for row in await pipe.execute() if row[0] and row[1]]
        return found

    async def of_job(self, uid: str, limit: int = 20) -> list[Execution]:
        """See RunRecords."""
        keys = (self._keys.active(uid), self._keys.good(uid), self._keys.bad(uid))
        runs = [str(run) for key in keys for run in await self._redis.zrange(key, 0, limit - 1, desc=True)]
        found = [await self.get(run) for run in runs]
        return sorted((run for run in found if run is not None), key=lambda run: run.dispatched, reverse=True)[:limit]
