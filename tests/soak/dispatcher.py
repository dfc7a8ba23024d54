"""Stands in for the operator: dispatches what is due from its cursors, asks for runs, cancels some, sweeps, tells."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from builders import REVISION
from integration.workerbench import EPOCH, GROUP
from kronstream.domain.run import Trigger, run_id
from kronstream.ports import Adopted, Dispatch, Request, Verdict, Word
from kronstream.streams.keys import Keys
from kronstream.streams.ledger import RedisLedger
from kronstream.streams.requests import RedisRequests
from soak.evidence import Evidence
from soak.kinds import Kind
from soak.server import now

TICK = 0.05  # seconds
AT_ONCE = 500  # instants of a job in one call
RECENT = 200  # runs among which those to cancel are chosen


@dataclass
class Line:
    """A job: from where it was dispatched and how far."""

    kind: Kind
    every: int
    first: int
    cursor: int
    asked: int = 0


class Dispatcher:
    """One for all jobs. `stop` ends what is due; the instants before that are dispatched, whatever happens."""

    def __init__(self, redis: Redis, kinds: Sequence[Kind], scale: float, evidence: Evidence, seed: int) -> None:
        self.redis = redis
        self.keys = Keys()
        self.ledger = RedisLedger(redis, self.keys, GROUP)
        self.requests = RedisRequests(redis, self.keys, GROUP)
        self.evidence = evidence
        self.dispatched_again = 0
        self._scale = scale
        self._dice = random.Random(seed)
        self._stopped = asyncio.Event()
        self._recent: list[tuple[Kind, str]] = []
        self._kinds = kinds
        self.lines: list[Line] = []

    async def adopt(self) -> None:
        """Take the jobs into force, as they are from now on."""
        begin = now()
        self.lines = [
            Line(kind, every, begin // every * every, begin // every * every)
            for kind, every in ((kind, kind.every(self._scale)) for kind in self._kinds)
        ]
        await self.redis.set(self.keys.epoch, EPOCH)
        wanted = [line.kind.adoption(line.cursor, self._scale) for line in self.lines]
        for answer in await self.ledger.adopt(wanted):
            assert isinstance(answer, Adopted), answer

    def stop(self) -> None:
        """Nothing is due any more."""
        self._stopped.set()

    async def dispatch(self) -> None:
        """Dispatch what is due until stopped, and then once more until the store has it all."""
        while not self._stopped.is_set():
            await self._tick(now())
            await asyncio.sleep(TICK)
        end = now()
        while not await self._tick(end):
            await asyncio.sleep(TICK)
        for line in self.lines:
            for nominal in range(line.first + line.every, line.cursor + 1, line.every):
                run = run_id(line.kind.uid, Trigger.SCHEDULE, str(nominal))
                self.evidence.due[run] = line.kind.uid

    async def _tick(self, until: int) -> bool:
        """One call for all jobs; whether every cursor has come as far as `until`."""
        items, owing = [], []
        for line in self.lines:
            due = range(line.cursor + line.every, until + 1, line.every)[:AT_ONCE]
            if due:
                owing.append((line, due))
                items.append(Dispatch(line.kind.uid, 1, REVISION, line.cursor, due[-1], tuple(due)))
        try:
            answers = await self.ledger.dispatch(EPOCH, items)
        except (RedisError, OSError):
            return False
        for (line, due), (verdict, cursor) in zip(owing, answers, strict=True):
            if verdict is Verdict.OK:
                line.cursor = due[-1]
                self._recent += [(line.kind, run_id(line.kind.uid, Trigger.SCHEDULE, str(at))) for at in due]
            elif verdict is Verdict.CURSOR:  # a lost reply, or an older copy of the store came back
                self.dispatched_again += cursor < line.cursor
                line.cursor = cursor
            else:
                raise AssertionError(f"{line.kind.name}: {verdict}")
        del self._recent[:-RECENT]
        return not items

    async def ask(self) -> None:
        """Ask for runs with payloads of their own."""
        asking = [line for line in self.lines if line.kind.asked]
        began = now()
        while not self._stopped.is_set():
            for line in asking:
                wanted = round((now() - began) / 1000 * line.kind.asked * self._scale)
                for number in range(line.asked, wanted):
                    await self._ask(line.kind, number)
                line.asked = max(line.asked, wanted)
            await asyncio.sleep(TICK)

    async def _ask(self, kind: Kind, number: int) -> None:
        run = run_id(kind.uid, Trigger.MANUAL, f"{number:020x}")
        payload = json.dumps({**kind.payload, "own": "ü" * self._dice.randrange(3_000)}, ensure_ascii=False)
        request = Request(kind.uid, run, now(), payload=payload, by="soak")
        while True:
            sent = now()
            try:
                ((word, detail),) = await self.requests.request(EPOCH, [request])
            except (RedisError, OSError):
                await asyncio.sleep(0.1)
                continue
            assert word in (Word.STARTED, Word.KNOWN, Word.SKIPPED), (word, detail)
            self.evidence.due[run] = kind.uid
            self.evidence.asked[run] = sent, now()
            return

    async def cancel(self) -> None:
        """Cancel runs that were dispatched a moment ago."""
        while not self._stopped.is_set():
            chosen = [run for kind, run in self._recent if self._dice.random() < kind.cancelled]
            self._recent.clear()
            if chosen:
                self.evidence.cancelled.update(chosen)
                await self._quietly(lambda runs=chosen: self.requests.cancel(runs, "soak"))  # type: ignore[misc]
            await asyncio.sleep(self._dice.uniform(0.1, 0.6))

    async def tend(self) -> None:
        """What an operator does beside: sweep, and write the statuses of jobs that changed."""
        while True:
            await self._quietly(lambda: self.ledger.sweep(100))
            await self._quietly(self._clean)
            await asyncio.sleep(1)

    async def _clean(self) -> None:
        _, uids = await self.ledger.dirty()
        states = await self.ledger.describe(uids)
        await self.ledger.clean([(state.uid, state.seq) for state in states if state is not None])

    @staticmethod
    async def _quietly(act: Callable[[], Awaitable[object]]) -> None:
        try:
            await act()
        except (RedisError, OSError):
            await asyncio.sleep(0.2)
