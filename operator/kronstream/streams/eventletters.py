"""Dead letters of events on Redis."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from kronstream.ports import EventLetter
from kronstream.ports.eventletters import MOST, TEXT_LIMIT
from kronstream.streams.keys import Keys
from kronstream.streams.runqueue import clean

_ID = re.compile(r"[0-9]{1,15}-[0-9]{1,15}")
MESSAGE_LIMIT = 1_024


class RedisEventLetters:
    """EventLetters on one Redis."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def bury(self, letters: Sequence[EventLetter]) -> None:
        """See EventLetters."""
        pipe = self._redis.pipeline(transaction=False)
        for letter in letters:
            pipe.xadd(self._keys.dead_events, _fields(letter), maxlen=MOST, approximate=False)
        if letters:
            await pipe.execute()

    async def count(self) -> int:
        """See EventLetters."""
        return int(await self._redis.xlen(self._keys.dead_events))

    async def listed(self, limit: int, before: str = "") -> list[EventLetter]:
        """See EventLetters."""
        if before and not _ID.fullmatch(before):
            return []
        last = f"({before}" if before else "+"
        rows: Any = await self._redis.xrevrange(self._keys.dead_events, last, "-", count=limit)
        return [_letter(entry, fields) for entry, fields in rows]

    async def get(self, letter: str) -> EventLetter | None:
        """See EventLetters."""
        if not _ID.fullmatch(letter):
            return None
        rows: Any = await self._redis.xrange(self._keys.dead_events, letter, letter)
        return _letter(*rows[0]) if rows else None

    async def drop(self, letter: str) -> bool:
        """See EventLetters."""
        return bool(_ID.fullmatch(letter) and await self._redis.xdel(self._keys.dead_events, letter))


def beginning(text: str, limit: int) -> str:
    """As many bytes of a text as may be kept, without half a character at the end."""
    data = text.encode("utf-8", "replace")
    return data[:limit].decode("utf-8", "ignore")


def _fields(letter: EventLetter) -> dict[Any, Any]:
    fields = {
        "reason": letter.reason,
        "message": beginning(letter.message, MESSAGE_LIMIT),
        "stream": letter.stream,
        "entry": letter.entry,
        "handler": letter.handler,
        "text": beginning(letter.text, TEXT_LIMIT),
        "at": str(letter.at) if letter.at else "",
    }
    return {name: clean(text) for name, text in fields.items() if text} or {"reason": ""}


def _letter(entry: Any, raw: Mapping[Any, Any]) -> EventLetter:
    fields = {str(name): str(text) for name, text in raw.items()}
    at = int(fields.pop("at", "") or str(entry).partition("-")[0])
    return EventLetter(id=str(entry), at=at, **{"reason": "", **fields})
