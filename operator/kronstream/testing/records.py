"""RunRecords in memory."""

import json
from collections.abc import Iterator

from kronstream.domain.run import State, trigger_of
from kronstream.ports import Attempt, Execution, Timing
from kronstream.testing.model import Run
from kronstream.testing.past import known
from kronstream.testing.store import MemoryStore


def _execution(run: Run) -> Execution:
    return Execution(
        id=run.id,
        uid=run.uid,
        namespace=run.namespace,
        name=run.name,
        state=run.state,
        trigger=trigger_of(run.id),
        nominal=run.nominal,
        generation=run.generation,
        attempt=run.attempt,
        dispatched=run.dispatched,
        started=run.started,
        finished=run.finished,
        duration=run.duration,
        reason=run.reason,
        result=json.loads(run.result) if run.result else None,
        error=json.loads(run.error) if run.error else None,
        output=run.output,
        worker=run.worker,
        retry_of=run.retry_of,
        requested_by=run.requested_by,
        trace=run.trace,
        payload=run.payload,
        progress=json.loads(run.progress) if run.progress else None,
        previous=run.previous,
        attempts=tuple(_attempts(run)),
        slow=run.slow,
    )


def _attempts(run: Run) -> Iterator[Attempt]:
    yield from run.attempts
    if run.attempt and run.started is not None and run.state not in (State.RETRYING, State.QUEUED):
        told = json.loads(run.error) if run.error and run.state.terminal else None
        error = f"{told['type']}: {told['message'][:512]}" if told else ""
        reason = run.reason if run.state.terminal else None
        yield Attempt(run.attempt, run.worker, run.started, run.finished, reason, error)


class MemoryRecords:
    """RunRecords on a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def get(self, run: str) -> Execution | None:
        """See RunRecords."""
        found = self._store.run(run)
        return _execution(found) if found else None

    async def page(
        self, uid: str, limit: int, offset: int = 0, state: State | None = None
    ) -> tuple[list[Execution], int]:
        """See RunRecords."""
        store = self._store
        active = store.active[uid].items()
        waiting = [run for _, run in sorted((score, run) for run, score in active if score <= 0)]
        started = [run for _, run in sorted(((score, run) for run, score in active if score > 0), reverse=True)]
        ended = sorted(
            ((at, good, run) for good in (True, False) for at, run in store.history[uid, good]), reverse=True
        )
        found = [await self.get(run) for run in (*waiting, *started, *(run for _, _, run in ended))]
        known = [run for run in found if run is not None and state in (None, run.state)]
        return known[offset : offset + limit], len(known)

    async def owner(self, uid: str) -> tuple[str, str] | None:
        """See RunRecords."""
        past = known(self._store, uid)
        return None if past is None else (past.namespace, past.name)

    async def timings(self, uid: str, since: int, limit: int) -> list[Timing]:
        """See RunRecords."""
        found = []
        for good in (True, False):
            ended = sorted((pair for pair in self._store.history[uid, good] if pair[0] >= since), reverse=True)
            for _, key in ended[:limit]:
                run = await self.get(key)
                if run is not None and run.finished is not None:
                    found.append(Timing(run.state, run.finished, run.nominal, run.started, run.duration))
        return found

    async def of_job(self, uid: str, limit: int = 20) -> list[Execution]:
        """See RunRecords."""
        store = self._store
        ended = [key for good in (True, False) for _, key in store.history[uid, good]]
        found = [await self.get(key) for key in [*store.active[uid], *ended]]
        known = [run for run in found if run is not None]
        return sorted(known, key=lambda run: (run.dispatched, run.nominal or 0), reverse=True)[:limit]
