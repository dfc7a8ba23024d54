"""The worker's side of the store, on Redis: one script call for a batch, each safe to repeat."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import count
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis

from kronstream.domain.run import Lane
from kronstream.domain.work import Work
from kronstream.ports import Claim, Epoch, LastSuccess, Outcome, Pulse, WorkerCard
from kronstream.streams.cards import live_workers
from kronstream.streams.keys import Keys
from kronstream.streams.scripts import Scripts

MESSAGE_LIMIT = 256


class RedisRunQueue:
    """RunQueue on one Redis; ``blocking`` is a client of its own for ``wait``, with a timeout longer than the block.

    ``lease`` is how long, in milliseconds, a run stays a worker's without a heartbeat.
    """

    def __init__(
        self, redis: Redis, keys: Keys, group: str, *, blocking: Redis | None = None, lease: int = 10_000
    ) -> None:
        self._redis = redis
        self._blocking = blocking or redis
        self._keys = keys
        self._scripts = Scripts(redis, keys, group)
        self._lease = lease
        self._stem = uuid4().hex[:16]
        self._calls = count()

    async def take(self, card: WorkerCard, slots: int) -> list[Claim]:
        """See RunQueue."""
        return await self._take(card, slots, "new") if slots > 0 else []

    async def take_pending(self, card: WorkerCard, slots: int, held: Sequence[str] = ()) -> list[Claim]:
        """See RunQueue."""
        return await self._take(card, slots, "pending", *held)

    async def _take(self, card: WorkerCard, slots: int, mode: str, *held: str) -> list[Claim]:
        stem = f"{self._stem}:{next(self._calls)}"
        rows = await self._scripts.run(
            "take", card.consumer, card.incarnation, card.queue, slots, self._lease, stem, mode, *held
        )
        claims, unreadable = [], []
        for row in rows:
            try:
                claims.append(_claim(row))
            except ValueError:
                # stored by a newer version: for a worker that can read it
                unreadable += [row[0], row[1]]
        if unreadable:
            await self._scripts.run("release", "", *unreadable)
        return claims

    async def wait(self, queue: str, timeout: int) -> bool:
        """See RunQueue."""
        return await self._blocking.blpop([self._keys.wake(queue)], timeout=timeout / 1000) is not None

    async def finish(self, card: WorkerCard, outcomes: Sequence[Outcome]) -> list[bool]:
        """See RunQueue."""
        args: list[str | int] = []
        for outcome in outcomes:
            args += _outcome(outcome)
        answers = await self._scripts.run("finish", *args) if outcomes else []
        if answers == [-1]:
            raise Epoch("Redis was lost and is not filled again yet")
        return [answer == 1 for answer in answers]

    async def result(self, run: str) -> str | None:
        """See RunQueue."""
        text = await self._redis.hget(self._keys.run(run), "res")
        return None if text is None else str(text)

    async def release(self, card: WorkerCard, claims: Sequence[Claim]) -> None:
        """See RunQueue."""
        if claims:
            await self._scripts.run("release", "", *(part for claim in claims for part in (claim.run, claim.token)))

    async def hand_over(self, card: WorkerCard, claim: Claim, consumer: str) -> bool:
        """See RunQueue."""
        return bool((await self._scripts.run("release", consumer, claim.run, claim.token))[0])

    async def beat(self, card: WorkerCard, held: Sequence[Claim]) -> Pulse:
        """See RunQueue."""
        args: list[str | int] = []
        for claim in held:
            args += [claim.run, claim.token, claim.uid, claim.generation, claim.nominal]
        text = json.dumps(asdict(card), separators=(",", ":"))
        answer = await self._scripts.run("beat", card.consumer, card.incarnation, self._lease, text, *args)
        now, handed, cancel, lost = answer
        return Pulse(
            now=int(now),
            cancel=dict(zip(cancel[::2], cancel[1::2], strict=True)),
            lost=frozenset(lost),
            handed=bool(handed),
        )

    async def workers(self) -> list[WorkerCard]:
        """See RunQueue."""
        return await live_workers(self._redis, self._keys)

    async def leave(self, card: WorkerCard) -> None:
        """See RunQueue."""
        await self._scripts.run("leave", card.consumer, card.queue)

    async def sweep(self, limit: int = 100) -> int:
        """See RunQueue."""
        return int(await self._scripts.run("sweep", limit))


def _claim(row: Sequence[Any]) -> Claim:
    run, token, uid, generation, attempt, nominal, deliveries, lane, work, payload, more = row
    context = _context(more) if more else {}
    return Claim(
        run=run,
        token=token,
        uid=uid,
        generation=int(generation),
        attempt=int(attempt),
        nominal=int(nominal),
        deliveries=int(deliveries),
        lane=Lane(lane),
        work=Work.load(work) if not payload else replace(Work.load(work), payload=json.loads(payload)),
        **context,
    )


def _context(more: str) -> dict[str, Any]:
    previous, last, last_nominal, has_result, external, started, trace = more.split("|", 6)
    return {
        "previous": int(previous) if previous else None,
        "last_success": LastSuccess(last, int(last_nominal), has_result == "1") if last else None,
        "external": external or None,
        "started": int(started) if started else None,
        "trace": trace or None,
    }


def _outcome(outcome: Outcome) -> list[str | int]:
    uid = outcome.run.rpartition("-")[0]
    failure = outcome.failure
    return [
        outcome.run,
        outcome.token,
        outcome.state.value,
        outcome.reason.value if outcome.reason else "",
        "" if outcome.retry_in is None else outcome.retry_in,
        outcome.duration,
        clean(outcome.result or ""),
        clean(json.dumps(asdict(failure), ensure_ascii=False)) if failure else "",
        clean(outcome.output),
        uid,
        outcome.generation,
        outcome.nominal,
        clean(failure.message[:MESSAGE_LIMIT]) if failure else "",
    ]


def clean(text: str) -> str:
    """Text that can be stored: what is not valid Unicode is replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")
