"""Externals in memory."""

from itertools import count

from kronstream.domain.retry import delay
from kronstream.domain.run import Reason, State
from kronstream.domain.work import Work
from kronstream.ports import Claim, Completion, Outcome
from kronstream.testing.ending import conclude, settle
from kronstream.testing.model import Run
from kronstream.testing.store import MemoryStore
from kronstream.testing.texts import storable


class MemoryExternals:
    """Externals on a MemoryStore."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._tokens = count(1)

    async def attach(self, claim: Claim) -> str | None:
        """See Externals."""
        run = self._store.run(claim.run)
        if run is None or run.state is not State.RUNNING or run.token != claim.token:
            return None
        run.external = run.external or f"work-{next(self._tokens)}"
        return run.external

    async def park(self, claim: Claim, timeout: int) -> bool:
        """See Externals."""
        store, run = self._store, self._store.run(claim.run)
        if run is None or run.state is not State.RUNNING or run.external is None:
            return False
        if run.parked is not None:
            return run.parked_by == claim.token
        if run.token != claim.token:
            return False
        if run.cancel:
            run.token = None
            settle(store, run, State.CANCELLED, run.cancel)
            return True
        store.withdraw(run)
        run.parked, run.parked_by, run.token = (run.started or store.now) + timeout, claim.token, None
        store.unfinished[run.id] = run.parked
        return True

    async def complete(self, run: str, token: str, completion: Completion) -> bool:
        """See Externals."""
        found = self._store.run(run)
        if found is None or found.external != token or found.state not in (State.RUNNING, State.QUEUED):
            return False
        if found.state is State.QUEUED:
            found.attempt += 1
        retry_in = self._retry_in(found, completion)
        state = State.SUCCESS if completion.reason is None else State.FAILED if retry_in is None else State.RETRYING
        # it is over by itself: there is nothing to take back
        found.token = found.external = None
        now = self._store.now
        outcome = Outcome(
            run, token, state, max(0, now - (found.started or now)), completion.reason, retry_in,
            completion.result, completion.failure, completion.output,
        )  # fmt: skip
        conclude(self._store, found, outcome)
        return True

    async def progress(self, run: str, token: str, progress: str) -> bool:
        """See Externals."""
        found = self._store.run(run)
        if found is None or found.state is not State.RUNNING or token not in (found.token, found.external):
            return False
        found.progress = storable(progress)
        return True

    def _retry_in(self, run: Run, completion: Completion) -> int | None:
        reason, text = completion.reason, self._store.work(run.uid, run.generation)
        if reason is None or reason is Reason.PERMANENT or completion.permanent or text is None:
            return None
        retry = Work.load(text).retry
        if not retry.tries_again((*completion.codes, reason.value)):
            return None
        return delay(retry, run.attempt, run.id, completion.wait)
