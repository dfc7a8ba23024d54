"""What the store as a whole holds, in memory."""

from kronstream.ports import Counts
from kronstream.testing.eventletters import MemoryEventLetters
from kronstream.testing.letters import MemoryLetters
from kronstream.testing.store import MemoryStore


class MemoryCounting:
    """Counting on a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def counts(self) -> Counts:
        """See Counting."""
        store = self._store
        return Counts(
            dict(store.ended),
            dict(store.skipped),
            len(store.unfinished),
            len(store.dirty),
            await MemoryLetters(store).count(),
            await MemoryEventLetters(store).count(),
        )
