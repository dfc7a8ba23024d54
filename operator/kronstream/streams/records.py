"""Execution records, read from Redis."""

import json
from collections.abc import Mapping

from redis.asyncio import Redis

from kronstream.domain.run import State, trigger_of
from kronstream.ports import Execution
from kronstream.streams.keys import Keys


def _execution(run: str, fields: Mapping[str, str]) -> Execution:
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
    )


class Records:
    """RunRecords on Redis."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def get(self, run: str) -> Execution | None:
        """See RunRecords."""
        fields = await self._redis.hgetall(self._keys.run(run))
        return _execution(run, {str(name): str(value) for name, value in fields.items()}) if fields else None

    async def of_job(self, uid: str, limit: int = 20) -> list[Execution]:
        """See RunRecords."""
        keys = (self._keys.active(uid), self._keys.good(uid), self._keys.bad(uid))
        runs = [str(run) for key in keys for run in await self._redis.zrange(key, 0, limit - 1, desc=True)]
        found = [await self.get(run) for run in runs]
        return sorted((run for run in found if run is not None), key=lambda run: run.dispatched, reverse=True)[:limit]
