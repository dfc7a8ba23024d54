"""Orders on Redis."""

import json
from collections.abc import Sequence

from redis.asyncio import Redis

from kronstream.ports.orders import KEPT, MOST_ORDERS, Order, Share
from kronstream.ports.requests import Change
from kronstream.streams.keys import Keys
from kronstream.streams.runqueue import clean
from kronstream.streams.scripts import Scripts

_CHANGES = {"ok": Change.OK, "known": Change.SAME, "full": Change.FULL, "over": Change.OVER, "gone": Change.GONE}
# fields of an order and of its hash
_TEXTS = {"kind": "kind", "namespace": "ns", "uid": "uid", "name": "nm", "by": "by"}


class RedisOrders:
    """Orders on one Redis."""

    def __init__(self, redis: Redis, keys: Keys, group: str) -> None:
        self._redis = redis
        self._keys = keys
        self._scripts = Scripts(redis, keys, group)

    async def put(self, order: Order, runs: Sequence[str]) -> Change:
        """See Orders."""
        fields = {field: getattr(order, name) for name, field in _TEXTS.items()} | {"n": order.count}
        text = clean(json.dumps(fields, ensure_ascii=False, separators=(",", ":")))
        return _CHANGES[await self._scripts.run("order", "put", order.id, text, MOST_ORDERS, *runs)]

    async def get(self, order: str) -> Order | None:
        """See Orders."""
        rows = await self._redis.hgetall(self._keys.order(order))
        found = {str(name): str(value) for name, value in rows.items()}
        if not found:
            return None
        return Order(
            id=order,
            kind="retry" if found["kind"] == "retry" else "cancel",
            namespace=found["ns"],
            count=int(found["n"]),
            uid=found["uid"],
            name=found["nm"],
            by=found["by"],
            done=int(found["ok"]),
            refused=int(found["bad"]),
            state=found["st"],
            created=int(found["at"]),
            finished=int(found["fin"]) if "fin" in found else None,
        )

    async def claim(self, token: str, lease: int, limit: int) -> Share | None:
        """See Orders."""
        found = await self._scripts.run("order", "claim", token, lease, limit)
        order = await self.get(str(found[0])) if found else None
        return None if order is None else Share(order, tuple(map(str, found[1:])))

    async def advance(self, order: str, token: str, lease: int, done: int, refused: int) -> bool:
        """See Orders."""
        answer = await self._scripts.run("order", "advance", order, token, lease, done, refused, KEPT)
        return bool(answer == "ok")

    async def end(self, order: str) -> Change:
        """See Orders."""
        return _CHANGES[await self._scripts.run("order", "stop", order, KEPT)]
