"""Queues in memory."""

from collections.abc import Mapping, Sequence

from kronstream.domain.run import Lane
from kronstream.ports import Backlog, QueuePause
from kronstream.testing.store import MemoryStore
from kronstream.testing.texts import storable


class MemoryQueues:
    """Queues on a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def pause(self, queue: str, by: str, reason: str) -> bool:
        """See Queues."""
        if queue in self._store.queue_pauses:
            return False
        self._store.queue_pauses[queue] = QueuePause(self._store.now, storable(by), storable(reason))
        return True

    async def resume(self, queue: str) -> bool:
        """See Queues."""
        if self._store.queue_pauses.pop(queue, None) is None:
            return False
        self._store.wake(queue)
        return True

    async def paused(self) -> Mapping[str, QueuePause]:
        """See Queues."""
        return dict(sorted(self._store.queue_pauses.items()))

    async def backlogs(self, queues: Sequence[str]) -> list[Backlog]:
        """See Queues."""
        lanes = [(queue, lane) for queue in queues for lane in Lane if (queue, lane) in self._store.lanes]
        return [self._backlog(queue, lane) for queue, lane in lanes if self._store.lanes[queue, lane].used]

    def _backlog(self, queue: str, lane: Lane) -> Backlog:
        stream = self._store.lanes[queue, lane]
        waiting = [number for number in stream.entries if number not in stream.pending]
        oldest = min((stream.added[number] for number in waiting), default=None)
        age = None if oldest is None else max(0, self._store.now - oldest)
        return Backlog(queue, lane, len(stream.entries), len(stream.pending), age)
