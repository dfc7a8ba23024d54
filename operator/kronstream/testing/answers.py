"""Answers in memory."""

from collections import deque

from kronstream.ports.answers import BESIDE, KEPT, MOST, UNDER_WAY, Before, Given
from kronstream.testing.store import MemoryStore


class MemoryAnswers:
    """Answers beside a MemoryStore, by its clock; of an owner's text, ``most`` characters."""

    def __init__(self, store: MemoryStore, most: int = MOST) -> None:
        self._store = store
        self._most = most
        self._lines: dict[str, deque[tuple[int, str]]] = {}
        self._known: dict[str, tuple[Before, int]] = {}
        self._made: dict[str, tuple[str, str]] = {}

    async def begin(self, key: str, request: str) -> Before | None:
        """See Answers."""
        known, until = self._known.get(key, (None, 0))
        if known is not None and until > self._store.now:
            return known
        self._known[key] = Before(request, None), self._store.now + UNDER_WAY * 1000
        return None

    async def end(self, key: str, request: str, answer: Given, owner: str = "") -> None:
        """See Answers."""
        self._known[key] = Before(request, answer), self._store.now + KEPT * 1000
        line = self._lines.setdefault(owner, deque())
        line.append((len(answer.body) + BESIDE, key))
        while sum(size for size, _ in line) > self._most:
            await self.forget(line.popleft()[1])

    def keys(self) -> list[str]:
        """The keys that anything is known of."""
        return list(self._known)

    async def forget(self, key: str) -> None:
        """See Answers."""
        self._known.pop(key, None)

    async def made(self, uid: str, namespace: str, name: str) -> None:
        """See Answers."""
        self._made[uid] = namespace, name

    async def whereabouts(self, uid: str) -> tuple[str, str] | None:
        """See Answers."""
        job = self._store.jobs.get(uid)
        return (job.namespace, job.name) if job is not None else self._made.get(uid)
