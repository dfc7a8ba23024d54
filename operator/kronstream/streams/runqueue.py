"""The worker's side of the store, on Redis: one script call for a batch, each safe to repeat."""

import json
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, replace
from functools import lru_cache
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
LEASE = 9_000
"""Milliseconds that a run stays a worker's without a heartbeat, so that a dead one's are found within ten seconds."""
TURNS = 8  # see take.lua
WORK = 8  # where an answer of take.lua has what a run executes
WORKS = 256  # texts of work that are kept read; a payload has 64 KiB at most


class RedisRunQueue:
    """RunQueue on one Redis; ``blocking`` is a client of its own for ``wait``, with a timeout longer than the block.

    ``lease`` is how long, in milliseconds, a run stays a worker's without a heartbeat.
    """

    def __init__(
        self, redis: Redis, keys: Keys, group: str, *, blocking: Redis | None = None, lease: int = LEASE
    ) -> None:
        self._redis = redis
        self._blocking = blocking or redis
        self._keys = keys
        self._scripts = Scripts(redis, keys, group)
        self._lease = lease
        self._stem = uuid4().hex[:16]
        self._calls = count()
        self._turns: Counter[str] = Counter()

    async def take(self, card: WorkerCard, queue: str, slots: int) -> list[Claim]:
        """See RunQueue."""
        if slots <= 0:
            return []
        turn = self._turns[queue] = (self._turns[queue] + 1) % TURNS
        return await self._take(card, queue, slots, str(turn))

    async def take_pending(self, card: WorkerCard, queue: str, slots: int, held: Sequence[str] = ()) -> list[Claim]:
        """See RunQueue."""
        return await self._take(card, queue, slots, "pending", *held)

    async def _take(self, card: WorkerCard, queue: str, slots: int, mode: str, *held: str) -> list[Claim]:
        stem = f"{self._stem}:{next(self._calls)}"
        rows = await self._scripts.run(
            "take", card.consumer, card.incarnation, queue, slots, self._lease, stem, mode, _limits(card, queue), *held
        )
        claims, unreadable = [], []
        for row in rows:
            if row[WORK][:1] == "#":  # the same as in an earlier row
                row[WORK] = rows[int(row[WORK][1:])][WORK]
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

    async def slow(self, claims: Sequence[Claim]) -> None:
        """See RunQueue."""
        if claims:
            await self._scripts.run("slow", *(part for claim in claims for part in (claim.run, claim.token)))

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

    async def tidy(self, queues: Sequence[str], idle: int = 60_000) -> int:
        """See RunQueue."""
        return int(await self._scripts.run("tidy", idle, *queues))

    async def leave(self, card: WorkerCard) -> None:
        """See RunQueue."""
        await self._scripts.run("leave", card.consumer, *card.queues)

    async def sweep(self, limit: int = 100) -> int:
        """See RunQueue."""
        return int(await self._scripts.run("sweep", limit))


def _claim(row: Sequence[Any]) -> Claim:
    run, token, uid, generation, attempt, nominal, deliveries, lane, work, payload, more, waited = row
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
        work=_work(work, payload),
        waited=int(waited) if waited else None,
        **context,
    )


def _limits(card: WorkerCard, queue: str) -> str:
    """What `take` has to know of a worker's limits, as JSON; '' for none."""
    if not card.limits:
        return ""
    own, functions = card.limits.get("queues", {}).get(queue), card.limits.get("functions")
    found = {name: value for name, value in (("queue", own), ("functions", functions)) if value}
    return json.dumps(found, separators=(",", ":")) if found else ""


_load = lru_cache(maxsize=WORKS)(Work.load)


def _work(text: str, payload: str) -> Work:
    """The work of a text, or with a payload of its own; its handler may do with the payload what it likes."""
    work = _load(text)
    if payload:
        own = json.loads(payload)
    elif isinstance(work.payload, (dict, list)) or work.call is not None:
        own = deepcopy(work.payload)
    else:
        return work
    return replace(work, payload=own, call=deepcopy(work.call))


def _context(more: str) -> dict[str, Any]:
    previous, last, last_nominal, has_result, external, started, spent, trace = more.split("|", 7)
    return {
        "previous": int(previous) if previous else None,
        "last_success": LastSuccess(last, int(last_nominal), has_result == "1") if last else None,
        "external": external or None,
        "started": int(started) if started else None,
        "trace": trace or None,
        "spent": int(spent) if spent else 0,
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
        "1" if outcome.killed else "",
    ]


def clean(text: str) -> str:
    """Text that can be stored: what is not valid Unicode is replaced."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
