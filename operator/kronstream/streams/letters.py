"""Dead letters on Redis."""

import re
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis

from kronstream.ports import Letter
from kronstream.streams.keys import Keys

_ID = re.compile(r"[0-9]{1,15}-[0-9]{1,15}")


class RedisLetters:
    """Letters on one Redis."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def count(self) -> int:
        """See Letters."""
        return int(await self._redis.xlen(self._keys.dead))

    async def listed(self, limit: int, before: str = "") -> list[Letter]:
        """See Letters."""
        if before and not _ID.fullmatch(before):
            return []
        last = f"({before}" if before else "+"
        rows: Any = await self._redis.xrevrange(self._keys.dead, last, "-", count=limit)
        return [_letter(entry, fields) for entry, fields in rows]

    async def get(self, letter: str) -> Letter | None:
        """See Letters."""
        if not _ID.fullmatch(letter):
            return None
        rows: Any = await self._redis.xrange(self._keys.dead, letter, letter)
        return _letter(*rows[0]) if rows else None

    async def drop(self, letter: str) -> bool:
        """See Letters."""
        return bool(_ID.fullmatch(letter) and await self._redis.xdel(self._keys.dead, letter))


def _letter(entry: Any, raw: Mapping[Any, Any]) -> Letter:
    fields = {str(name): str(text) for name, text in raw.items()}
    kind, reason, run = fields.pop("kind", "entry"), fields.pop("reason", ""), fields.pop("run", "")
    at = fields.pop("at", "") or str(entry).partition("-")[0]
    return Letter(str(entry), kind, reason, int(at), run, fields)
