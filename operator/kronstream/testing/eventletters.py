"""Dead letters of events in memory."""

from collections.abc import Sequence
from dataclasses import replace

from kronstream.ports import EventLetter
from kronstream.ports.eventletters import TEXT_LIMIT
from kronstream.testing.store import MemoryStore
from kronstream.testing.texts import beginning
from kronstream.testing.waiting import bury

MESSAGE_LIMIT = 1024


class MemoryEventLetters:
    """EventLetters on a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def bury(self, letters: Sequence[EventLetter]) -> None:
        """See EventLetters."""
        for letter in letters:
            message, text = beginning(letter.message, MESSAGE_LIMIT), beginning(letter.text, TEXT_LIMIT)
            bury(self._store, replace(letter, message=message, text=text))

    async def count(self) -> int:
        """See EventLetters."""
        return len(self._store.dead_events)

    async def listed(self, limit: int, before: str = "") -> list[EventLetter]:
        """See EventLetters."""
        known = self._store.dead_events
        older = [one for one in known if _number(one.id) < _number(before)] if before else known
        return list(reversed(older))[:limit]

    async def get(self, letter: str) -> EventLetter | None:
        """See EventLetters."""
        return next((one for one in self._store.dead_events if one.id == letter), None)

    async def drop(self, letter: str) -> bool:
        """See EventLetters."""
        found = await self.get(letter)
        if found:
            self._store.dead_events = [one for one in self._store.dead_events if one.id != letter]
        return found is not None


def _number(letter: str) -> int:
    stem = letter.partition("-")[0]
    return int(stem) if stem.isdigit() else 0
