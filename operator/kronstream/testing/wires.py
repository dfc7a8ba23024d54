"""Wires in memory."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

from kronstream.ports import Recall, Reply
from kronstream.testing.store import MemoryStore
from kronstream.testing.texts import storable

LEFT = 10_000
LETTER_FIELDS, LETTER_TEXT = 16, 1024


class MemoryWires:
    """Wires on a MemoryStore; its streams are in ``streams``, by name: entries by their number."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.streams: dict[str, dict[str, Mapping[str, str]]] = defaultdict(dict)
        self._numbers: dict[str, int] = defaultdict(int)
        self._taken: dict[tuple[str, str], int] = {}
        self._some = asyncio.Event()

    async def publish(self, stream: str, fields: Mapping[str, str], most: int) -> bool:
        """See Wires."""
        if len(self.streams[stream]) >= most:
            return False
        self._numbers[stream] += 1
        self.streams[stream][f"{self._numbers[stream]}-0"] = {name: storable(text) for name, text in fields.items()}
        self._some.set()
        return True

    async def replies(self, stream: str, consumer: str, count: int, block: int) -> list[Reply]:  # noqa: ARG002 the port's
        """See Wires; the block is real time."""
        found = self._free(stream, count)
        if not found:
            self._some.clear()
            try:
                await asyncio.wait_for(self._some.wait(), block / 1000)
            except TimeoutError:
                return []
            found = self._free(stream, count)
        for entry in found:
            self._taken[stream, entry] = self._store.now
        return [Reply(entry, self.streams[stream][entry]) for entry in found]

    def _free(self, stream: str, count: int) -> list[str]:
        now = self._store.now
        free = [entry for entry in self.streams[stream] if now - self._taken.get((stream, entry), now - LEFT) >= LEFT]
        return free[:count]

    async def answered(self, stream: str, entries: Sequence[str]) -> None:
        """See Wires."""
        for entry in entries:
            self.streams[stream].pop(entry, None)

    async def recalls(self, count: int) -> list[tuple[Recall, str]]:
        """See Wires."""
        return [(one, self._store.work(one.uid, one.generation) or "") for one in self._store.recalls[:count]]

    async def recalled(self, recalls: Sequence[Recall]) -> None:
        """See Wires."""
        gone = {one.token for one in recalls}
        self._store.recalls = [one for one in self._store.recalls if one.token not in gone]

    async def bury(self, fields: Mapping[str, str], reason: str) -> None:
        """See Wires."""
        letter = {
            f"field.{name}"[:LETTER_TEXT]: storable(text)[:LETTER_TEXT]
            for name, text in list(fields.items())[:LETTER_FIELDS]
        }
        self._store.dead.append({"reason": reason, **letter})
