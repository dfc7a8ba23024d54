"""Acts on what waited: creates the jobs of createJob, starts runs whose time came, tries again what failed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from redis.exceptions import RedisError

from kronstream.clock import StoreClock
from kronstream.cluster.api import ApiError
from kronstream.cluster.refusal import away, beyond_quota
from kronstream.cluster.scheduledjobs import ScheduledJobs
from kronstream.domain.eventpayload import Unpayable
from kronstream.domain.retry import backoff, delay
from kronstream.events.adopting import Adopting
from kronstream.events.measures import Measures
from kronstream.events.pulse import Pulse
from kronstream.events.table import Handler, Table
from kronstream.operations.listener import Listener
from kronstream.operations.making import job_of
from kronstream.operations.refused import Refused
from kronstream.operations.routing import Heard, kept, requested
from kronstream.operations.runs import SKIPPED
from kronstream.operations.targets import Targets
from kronstream.ports import EffectKind, Effects, Ending, Epoch, Ledger, Request, Requests, Settled, Waiting, Word
from kronstream.resources.cloudevent import Unreadable
from kronstream.rooms import live_together
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

LIMIT = 32
LEASE = 30_000
POLL = 0.05
AWAY = 0.5
TEND, TENDED = 0.25, 100
ELSEWHERE = 1_000  # ms until a handler that is not known here is looked for again
LONGEST_AWAY = 30_000  # ms between two attempts at an API server that is away
SPARED = 5.0  # seconds for which one that is away is not asked; what needs none does not stand behind what does
PUT_OFF = 5_000  # ms
INTERNAL = 500
# what may pass by itself, as long as the handler's retry lasts: the namespace is not there yet, two writes met
PASSING = (401, 404, 409)


class Acting:
    """Any router takes any effect whose time came, under a lease; an end that the store has not heard is done again."""

    def __init__(
        self,
        table: Table,
        effects: Effects,
        requests: Requests,
        ledger: Ledger,
        jobs: ScheduledJobs,
        targets: Targets,
        adopting: Adopting,
        pulse: Pulse,
        clock: StoreClock,
        measures: Measures,
        known: asyncio.Event,
    ) -> None:
        """`known` is set once every handler is in the table."""
        self._known = known
        self._table = table
        self._effects = effects
        self._requests = requests
        self._ledger = ledger
        self._jobs = jobs
        self._targets = targets
        self._adopting = adopting
        self._pulse = pulse
        self._clock = clock
        self._measures = measures
        self._away_since = self._spared_until = 0.0
        self._trouble = Trouble(log, "what waits cannot be taken, tried again")
        self._away = Trouble(log, "jobs cannot be created, tried again")

    async def run(self) -> None:
        """Act until cancelled."""
        await self._known.wait()
        await live_together((self._act_on, self._tend))

    async def _act_on(self) -> None:
        while True:
            await self._pulse.open.wait()
            try:
                spared = time.monotonic() < self._spared_until
                taken = await self._effects.take_due(LIMIT, LEASE, PUT_OFF if spared else 0)
                if taken:
                    await self._settle(await asyncio.gather(*map(self._try, taken)))
                self._trouble.over()
            except (RedisError, OSError, TimeoutError) as error:
                self._trouble.tell(error)
                taken = []
                await asyncio.sleep(AWAY)
            if len(taken) < LIMIT:
                await asyncio.sleep(POLL)

    async def _tend(self) -> None:
        """Let the lines of createJob go on, and drop what waits for handlers that are gone."""
        moved = 0
        while True:
            await asyncio.sleep(0 if moved >= TENDED else TEND)
            await self._pulse.open.wait()
            try:
                moved = await self._effects.tend(TENDED)
                number, _ = await self._effects.backlog()
                self._measures.waiting.set(number)
            except (RedisError, OSError, TimeoutError) as error:
                self._trouble.tell(error)
                moved = 0

    async def _settle(self, ends: Sequence[Settled | None]) -> None:
        results = [end for end in ends if end is not None]
        for end in results:
            self._measures.actions.labels(end.ending.value).inc()
        await self._effects.settle(results)

    async def _try(self, waiting: Waiting) -> Settled | None:
        """One that Redis interrupts is left to the lease's end; the others are settled."""
        try:
            return await self.act(waiting)
        except (RedisError, OSError, TimeoutError) as error:
            self._trouble.tell(error)
            return None

    async def act(self, waiting: Waiting) -> Settled | None:
        """One attempt; None leaves it to the lease's end. Raises what redis-py raises."""
        handler = await self._handler(waiting)
        if handler is None:
            return _away(waiting, ELSEWHERE)  # no router here knows it yet
        if handler.listener is None:
            return self._failed(waiting, None, "InvalidSpec", f"the handler cannot be used: {handler.fault}")
        work = self._create if handler.listener.kind is EffectKind.CREATE else self._start
        try:
            return await work(waiting, handler.listener, kept(waiting.body))
        except Unpayable as fault:
            return _ended(waiting, Ending.FAILED, "Unpayable", str(fault))
        except (Refused, OverflowError, Unreadable) as fault:
            return _ended(waiting, Ending.FAILED, "ActionFailed", str(fault))

    async def _handler(self, waiting: Waiting) -> Handler | None:
        """The handler as it is now; one that is new is read first."""
        known = self._table.get(waiting.handler)
        if known is None and not self._adopting.awaits(waiting.handler):
            (state,) = await self._ledger.describe([waiting.handler])
            if state is not None and self._jobs.covers(state.namespace):
                self._adopting.refresh(waiting.handler, state.namespace, state.name)
        return known

    async def _create(self, waiting: Waiting, listener: Listener, heard: Heard) -> Settled | None:
        job = job_of(listener, heard, waiting.item, self._clock.now())
        try:
            made = await self._made(job)
        except (ApiError, OSError, TimeoutError, RuntimeError) as error:
            return self._refused(waiting, listener, error)
        self._away.over()
        self._away_since = self._spared_until = 0.0
        if made is None:
            name = job["metadata"]["name"]
            return self._failed(waiting, listener, "NameTaken", f"there is another ScheduledJob {name}; delete it")
        return _ended(waiting, Ending.DONE, created=made)

    async def _made(self, job: dict[str, object]) -> str | None:
        """The UID of the job, made now or by an attempt before; None where its name is another's."""
        meta = job["metadata"]
        assert isinstance(meta, dict)
        try:
            return str((await self._jobs.create(job))["metadata"]["uid"])
        except ApiError as error:
            if error.status != 409:
                raise
        live = await self._jobs.get(meta["namespace"], meta["name"])
        if live is None:
            raise ConnectionError(f"ScheduledJob {meta['name']} came and went")
        owners = [owner.get("uid") for owner in live["metadata"].get("ownerReferences") or ()]
        return str(live["metadata"]["uid"]) if meta["ownerReferences"][0]["uid"] in owners else None

    def _refused(self, waiting: Waiting, listener: Listener, error: Exception) -> Settled:
        said = str(error) or type(error).__name__
        if away(error) or not isinstance(error, ApiError):
            self._away.tell(said)
            return _away(waiting, self._patience(listener, waiting, error), f"the API server does not answer: {said}")
        passing = error.status in PASSING or beyond_quota(error) or (error.status == 403 and "User " in said)
        if passing:
            return self._failed(waiting, listener, "Refused", f"the job cannot be created: {said}")
        return _ended(waiting, Ending.FAILED, "Refused", f"the job cannot be created: {said}")

    def _patience(self, listener: Listener, waiting: Waiting, error: Exception) -> int:
        """Milliseconds until an API server that is away is asked again: the longer, the longer it is."""
        now = time.monotonic()
        self._away_since = self._away_since or now
        # an internal error may be about this one alone, as when its namespace's webhook is down
        if not isinstance(error, ApiError) or error.status != INTERNAL:
            self._spared_until = now + SPARED
        wait = max(backoff(listener.retry, waiting.attempt), 1_000, (now - self._away_since) * 500)
        return min(int(wait), LONGEST_AWAY)

    async def _start(self, waiting: Waiting, listener: Listener, heard: Heard) -> Settled | None:
        """A run that waited: by the job as it is now."""
        name = (listener.namespace, listener.job) if listener.job is not None else None
        for _ in range(3):
            target = None
            if name is not None:
                self._targets.forget(name)
                await self._targets.fetch([name])
                target = self._targets.get(name)
            request = requested(listener, heard, waiting.item, target, self._clock.now())
            if request is None:
                missing = f"there is no ScheduledJob {listener.job} in namespace {listener.namespace}"
                return self._failed(waiting, listener, "NoSuchJob", missing)
            word, detail = await self._ask(request)
            if word is not Word.MOVED:
                return self._told(waiting, listener, word, detail)
            if name is None:
                await self._behind(listener)  # another generation of the handler is in force
                return _away(waiting, ELSEWHERE)
        return _away(waiting, ELSEWHERE)  # the job is being edited

    async def _ask(self, request: Request) -> tuple[Word, str]:
        while True:
            await self._pulse.open.wait()
            try:
                (answer,) = await self._requests.request(self._pulse.epoch, [request])
            except Epoch:
                self._pulse.reject()
            else:
                return answer

    async def _behind(self, listener: Listener) -> None:
        try:
            await self._adopting.reread(listener.uid)
        except (ApiError, OSError, TimeoutError) as error:
            log.info("%s/%s: what is in force is not known yet: %s", listener.namespace, listener.name, error)

    def _told(self, waiting: Waiting, listener: Listener, word: Word, detail: str) -> Settled:
        if word is Word.KNOWN:
            first, _, rest = detail.partition(":")
            word, detail = Word(first), rest
        if word is Word.STARTED:
            return _ended(waiting, Ending.DONE)
        if word is Word.SKIPPED:
            said = SKIPPED.get(detail, detail)
            return _ended(waiting, Ending.SKIPPED, "Skipped", f"the run was skipped: {said}")
        if word is Word.HELD:
            why = f"the spec of ScheduledJob {listener.job} cannot be used (Stalled)"
            return self._failed(waiting, listener, "JobInvalid", why)
        return self._failed(waiting, listener, "NoSuchJob", f"there is no job to run ({word.value})")

    def _failed(self, waiting: Waiting, listener: Listener | None, reason: str, why: str) -> Settled:
        """Tried again while the handler's retry allows it."""
        wait = delay(listener.retry, waiting.attempt, waiting.item) if listener is not None else None
        if wait is not None:
            return _later(waiting, wait, why, reason)
        return _ended(waiting, Ending.FAILED, reason, why)


def _later(waiting: Waiting, wait: int, why: str, reason: str = "ActionFailed") -> Settled:
    return Settled(waiting.item, waiting.token, Ending.RETRY, wait=wait, reason=reason, message=why)


def _away(waiting: Waiting, wait: int, why: str = "") -> Settled:
    """What it takes is not there now: that is no attempt."""
    return Settled(waiting.item, waiting.token, Ending.AWAY, wait=wait, message=why)


def _ended(
    waiting: Waiting, ending: Ending, reason: str = "ActionFailed", message: str = "", created: str | None = None
) -> Settled:
    return Settled(waiting.item, waiting.token, ending, reason=reason, message=message, created=created)
