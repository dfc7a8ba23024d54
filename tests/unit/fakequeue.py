"""An in-memory RunQueue whose failures a test can ask for, and claims to put into it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from kronstream.domain.retry import Retry
from kronstream.domain.run import Lane
from kronstream.domain.work import Work
from kronstream.ports import Claim, Outcome, Pulse, WorkerCard

_numbers = count(1)
NO_RETRY = Retry(limit=0)


def claim(function: str = "echo", payload: Any = None, *, run: str = "", **fields: Any) -> Claim:
    """A claim; `timeout` (ms), `retry`, `limits` and `namespace` are the work's."""
    number = next(_numbers)
    timeout, retry, limits = fields.pop("timeout", 60_000), fields.pop("retry", NO_RETRY), fields.pop("limits", None)
    namespace = fields.pop("namespace", "ns")
    work = Work(namespace, "job", function, payload, timeout, retry, limits=limits)
    values: dict[str, Any] = {
        "run": run or f"uid-s{number}", "token": f"token-{number}", "uid": "uid", "generation": 1, "attempt": 1,
        "nominal": 1_700_000_000_000, "deliveries": 1, "lane": Lane.MEDIUM, "work": work,
    }  # fmt: skip
    return Claim(**{**values, **fields})


def card(
    consumer: str = "me", functions: tuple[str, ...] = (), concurrency: int = 4, queue: str = "default"
) -> WorkerCard:
    return WorkerCard(consumer, f"{consumer}-1", {queue: concurrency}, functions)


class FakeQueue:
    """Claims wait in `queued` and `pending`; `outcomes`, `released` and `handed` hold what became of them.

    `broken(call)` may raise for a call by its name.
    """

    def __init__(self, *claims: Claim) -> None:
        self.queued = list(claims)
        self.pending: list[Claim] = []
        self.outcomes: list[Outcome] = []
        self.released: list[Claim] = []
        self.slowed: list[Claim] = []
        self.handed: list[tuple[str, str]] = []
        self.others: list[WorkerCard] = []
        self.gone: set[str] = set()
        self.fenced: set[str] = set()
        self.taken: list[int] = []
        self.results: dict[str, str] = {}
        self.calls: list[str] = []
        self.broken: Callable[[str], None] = lambda call: None
        self._changed = asyncio.Condition()

    async def until(self, condition: Callable[[FakeQueue], bool], within: float = 20) -> None:
        """Wait until the condition holds; it is asked after each call."""
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(lambda: condition(self))

    async def add(self, *claims: Claim) -> None:
        self.queued += claims
        await self._note("add")

    async def _note(self, call: str) -> None:
        self.calls.append(call)
        async with self._changed:
            self._changed.notify_all()
        self.broken(call)

    async def take(self, card: WorkerCard, queue: str, slots: int) -> list[Claim]:
        await self._note("take")
        found, self.queued = self.queued[:slots], self.queued[slots:]
        self.taken.append(slots)
        return found

    async def take_pending(self, card: WorkerCard, queue: str, slots: int, held: Sequence[str] = ()) -> list[Claim]:
        await self._note("take_pending")
        found = [claim for claim in self.pending if claim.run not in held][:slots]
        self.pending = [claim for claim in self.pending if claim not in found]
        return found

    async def wait(self, queue: str, timeout: int) -> bool:
        await self._note("wait")
        try:
            async with asyncio.timeout(timeout / 1000), self._changed:
                await self._changed.wait_for(lambda: bool(self.queued))
        except TimeoutError:
            return False
        return True

    async def finish(self, card: WorkerCard, outcomes: Sequence[Outcome]) -> list[bool]:
        self.broken("finish")
        answers = [outcome.token not in self.fenced for outcome in outcomes]
        self.outcomes += [outcome for outcome, accepted in zip(outcomes, answers, strict=True) if accepted]
        await self._note("finished")
        return answers

    async def tidy(self, queues: Sequence[str], idle: int = 0) -> int:
        await self._note("tidy")
        return 0

    async def slow(self, claims: Sequence[Claim]) -> None:
        self.slowed += claims
        await self._note("slow")

    async def result(self, run: str) -> str | None:
        await self._note("result")
        return self.results.get(run)

    async def release(self, card: WorkerCard, claims: Sequence[Claim]) -> None:
        self.released += claims
        await self._note("release")

    async def hand_over(self, card: WorkerCard, claim: Claim, consumer: str) -> bool:
        await self._note("hand_over")
        if consumer in self.gone:
            return False
        self.handed.append((claim.run, consumer))
        await self._note("handed")
        return True

    async def beat(self, card: WorkerCard, held: Sequence[Claim]) -> Pulse:
        await self._note("beat")
        return Pulse(0)

    async def workers(self) -> list[WorkerCard]:
        await self._note("workers")
        return self.others

    async def leave(self, card: WorkerCard) -> None:
        await self._note("leave")

    async def sweep(self, limit: int = 100) -> int:
        await self._note("sweep")
        return 0
