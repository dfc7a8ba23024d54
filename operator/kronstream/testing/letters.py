"""Dead letters in memory."""

from kronstream.ports import Letter
from kronstream.testing.store import MemoryStore


class MemoryLetters:
    """Letters on a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def count(self) -> int:
        """See Letters."""
        return len(self._letters())

    async def listed(self, limit: int, before: str = "") -> list[Letter]:
        """See Letters."""
        found = [letter for letter in self._letters() if not before or int(letter.id) < _number(before)]
        return list(reversed(found))[:limit]

    async def get(self, letter: str) -> Letter | None:
        """See Letters."""
        return next((one for one in self._letters() if one.id == letter), None)

    async def drop(self, letter: str) -> bool:
        """See Letters."""
        found = await self.get(letter)
        if found:
            self._store.dropped.add(int(found.id))
        return found is not None

    def _letters(self) -> list[Letter]:
        found = []
        for number, raw in enumerate(self._store.dead):
            fields = dict(raw)
            kind, reason, run = fields.pop("kind", "entry"), fields.pop("reason", ""), fields.pop("run", "")
            at = int(fields.pop("at", "") or self._store.now)
            if number not in self._store.dropped:
                found.append(Letter(str(number), kind, reason, at, run, fields))
        return found


def _number(letter: str) -> int:
    return int(letter) if letter.isdigit() else 0
