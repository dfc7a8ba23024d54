"""Answers on Redis."""

import json
from dataclasses import asdict

from redis.asyncio import Redis

from kronstream.domain.stored import known
from kronstream.ports.answers import BESIDE, KEPT, MOST, UNDER_WAY, Before, Given
from kronstream.streams.keys import Keys
from kronstream.streams.scripts import Scripts

MADE = 600
"""Seconds for which it is known where a job is that was made here."""


class RedisAnswers:
    """Answers on one Redis; each call is one command. An owner's answers take ``most`` bytes."""

    def __init__(self, redis: Redis, keys: Keys, most: int = MOST) -> None:
        self._redis = redis
        self._keys = keys
        self._most = most
        self._scripts = Scripts(redis, keys, "")

    async def begin(self, key: str, request: str) -> Before | None:
        """See Answers."""
        text = json.dumps({"request": request})
        before = await self._redis.set(self._keys.answer(key), text, nx=True, get=True, ex=UNDER_WAY)
        if before is None:
            return None
        raw = json.loads(str(before))
        answer = raw.get("answer")
        return Before(raw["request"], None if answer is None else known(Given, answer))

    async def end(self, key: str, request: str, answer: Given, owner: str = "") -> None:
        """See Answers."""
        text = json.dumps({"request": request, "answer": asdict(answer)}, ensure_ascii=False)
        await self._scripts.run("keep", key, text, KEPT, owner, self._most, BESIDE)

    async def forget(self, key: str) -> None:
        """See Answers."""
        await self._redis.delete(self._keys.answer(key))

    async def made(self, uid: str, namespace: str, name: str) -> None:
        """See Answers."""
        await self._redis.set(self._keys.made(uid), f"{namespace}/{name}", ex=MADE)

    async def whereabouts(self, uid: str) -> tuple[str, str] | None:
        """See Answers."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.get(self._keys.made(uid))
        pipe.hmget(self._keys.job(uid), "ns", "name")
        text, (namespace, name) = await pipe.execute()
        if namespace and name:
            return str(namespace), str(name)
        if text is None:
            return None
        namespace, _, name = str(text).partition("/")
        return namespace, name
