"""Answers in memory."""

from kronstream.ports.answers import KEPT, UNDER_WAY, Before, Given
from kronstream.testing.store import MemoryStore


class MemoryAnswers:
    """Answers beside a MemoryStore, by its clock."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._known: dict[str, tuple[Before, int]] = {}
        self._made: dict[str, tuple[str, str]] = {}

    async def begin(self, key: str, request: str) -> Before | None:
        """See Answers."""
        known, until = self._known.get(key, (None, 0))
        if known is not None and until > self._store.now:
            return known
        self._known[key] = Before(request, None), self._store.now + UNDER_WAY * 1000
        return None

    async def end(self, key: str, request: str, answer: Given) -> None:
        """See Answers."""
        self._known[key] = Before(request, answer), self._store.now + KEPT * 1000

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
