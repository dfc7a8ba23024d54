"""The router's side of the store, on Redis: one script call for a batch, each safe to repeat."""

import json
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis

from kronstream.domain.outcomeevent import kind_of
from kronstream.domain.run import digest
from kronstream.ports import (
    Debounce,
    Dedupe,
    Effect,
    EffectKind,
    Entered,
    Epoch,
    Fate,
    FateWord,
    HandlerError,
    HandlerState,
    Pace,
    Request,
    Roll,
    Settled,
    Tally,
    Waiting,
)
from kronstream.streams.keys import Keys
from kronstream.streams.runqueue import clean
from kronstream.streams.scripts import Scripts

_NO_REQUEST = ("",) * 9
_COUNTS = ("e:t", "e:ok", "e:bad", "e:f", "e:dd", "e:db", "e:rl", "e:er")
_STATE = ("gen", "seq", *_COUNTS, "e:lt", "e:lok", "e:lem", "e:lee", "e:lea")


class RedisEffects:
    """Effects on one Redis."""

    def __init__(self, redis: Redis, keys: Keys, group: str) -> None:
        self._redis = redis
        self._keys = keys
        self._scripts = Scripts(redis, keys, group)
        self._stem = uuid4().hex[:16]
        self._calls = count()

    async def route(self, epoch: str, effects: Sequence[Effect]) -> list[Fate]:
        """See Effects."""
        args: list[str | int] = []
        for effect in effects:
            args += _effect(effect)
        rows = await self._scripts.run("route", epoch, *args) if effects else []
        if rows and rows[0][0] == "epoch":
            raise Epoch
        return [Fate(FateWord(word), detail) for word, detail in rows]

    async def tally(self, tallies: Sequence[Tally], token: str) -> None:
        """See Effects."""
        args: list[str | int] = []
        for one in tallies:
            args += [one.handler, one.filtered, one.errors, clean(one.message), clean(one.event)]
        if args:
            await self._scripts.run("tally", token, *args)

    async def take_due(self, limit: int, lease: int, put_off: int = 0) -> list[Waiting]:
        """See Effects."""
        rows = await self._scripts.run("mature", limit, lease, f"{self._stem}:{next(self._calls)}", put_off)
        return [_waiting(row) for row in rows]

    async def settle(self, results: Sequence[Settled]) -> list[bool]:
        """See Effects."""
        args: list[str | int] = []
        for one in results:
            args += [one.item, one.token, one.ending.value, one.wait, clean(one.reason), clean(one.message)]
            args.append(one.created or "")
        answers = await self._scripts.run("fulfil", *args) if results else []
        return [answer == 1 for answer in answers]

    async def tend(self, limit: int = 100) -> int:
        """See Effects."""
        return int(await self._scripts.run("tend", limit))

    async def describe(self, handlers: Sequence[str]) -> list[HandlerState | None]:
        """See Effects."""
        if not handlers:
            return []
        pipe = self._redis.pipeline(transaction=False)
        for handler in handlers:
            pipe.hmget(self._keys.job(handler), *_STATE)
            pipe.zcard(self._keys.effects_of(handler))
            pipe.zrange(self._keys.effects_of(handler), 0, 0, withscores=True)
            pipe.zcard(self._keys.open_of(handler))
        rows = await pipe.execute()
        return [_state(*rows[first : first + 4]) for first in range(0, len(rows), 4)]

    async def backlog(self) -> tuple[int, int]:
        """See Effects."""
        number, size = await self._redis.hmget(self._keys.effect_load, "n", "b")
        return int(number or 0), int(size or 0)

    async def roll(self, after: int, limit: int) -> Roll:
        """See Effects."""
        turn, more, *rows = await self._scripts.run("roll", after, limit)
        entered = tuple(Entered(uid, int(generation), namespace, name) for uid, generation, namespace, name in rows)
        return Roll(int(turn), entered, bool(more))

    async def want(self, scope: str, types: Sequence[str], turn: int) -> bool:
        """See Effects."""
        kinds = " ".join(sorted({kind_of(name) for name in types}))
        return bool(await self._scripts.run("want", scope, kinds, turn))

    async def job_named(self, namespace: str, name: str) -> str | None:
        """See Effects."""
        uid = await self._redis.hget(self._keys.names, f"{namespace}/{name}")
        return None if uid is None else str(uid)

    async def beat(self, router: str) -> list[str]:
        """See Effects."""
        return sorted(str(name) for name in await self._scripts.run("router", clean(router), "beat"))

    async def routers(self) -> list[str]:
        """See Effects."""
        return sorted(str(name) for name in await self._scripts.run("router", "", "look"))

    async def leave(self, router: str) -> None:
        """See Effects."""
        await self._scripts.run("router", clean(router), "leave")


def _effect(effect: Effect) -> tuple[str | int, ...]:
    """Twenty values, as ``route.lua`` reads them."""
    return (
        effect.handler,
        effect.generation,
        effect.item,
        clean(effect.event),
        effect.kind.value,
        clean(effect.body),
        _dedupe(effect.dedupe) if effect.dedupe else "",
        _debounce(effect.debounce) if effect.debounce else "",
        _pace(effect.pace) if effect.pace else "",
        effect.most_open,
        "" if effect.retry_in is None else effect.retry_in,
        *(_request(effect.request) if effect.request else _NO_REQUEST),
    )


def _request(item: Request) -> tuple[str | int, ...]:
    return (
        item.uid,
        item.run,
        item.nominal,
        "" if item.generation is None else item.generation,
        "" if item.payload is None else clean(item.payload),
        "" if item.keys is None else json.dumps([gate.shape() for gate in item.keys], separators=(",", ":")),
        clean(item.by or ""),
        clean(item.trace or ""),
        item.depth or "",
    )


def _dedupe(dedupe: Dedupe) -> str:
    return f"{dedupe.window}:{digest(dedupe.key)}"


def _debounce(debounce: Debounce) -> str:
    return f"{debounce.quiet}:{debounce.most}:{'l' if debounce.last else 'f'}:{digest(debounce.key)}"


def _pace(pace: Pace) -> str:
    return f"{pace.count}:{pace.per}:{'d' if pace.delay else 'x'}"


def _waiting(row: Sequence[Any]) -> Waiting:
    item, token, handler, kind, body, attempt, since = row
    return Waiting(handler, item, EffectKind(kind), body, int(attempt), token, int(since))


def _state(
    values: Sequence[Any], waiting: int, oldest: Sequence[tuple[str, float]], opened: int
) -> HandlerState | None:
    fields: Mapping[str, Any] = dict(zip(_STATE, values, strict=True))
    if fields["gen"] is None:
        return None

    def number(name: str) -> int:
        return int(fields[name] or 0)

    at = fields["e:lea"]
    return HandlerState(
        generation=number("gen"),
        seq=number("seq"),
        triggered=number("e:t"),
        succeeded=number("e:ok"),
        failed=number("e:bad"),
        filtered=number("e:f"),
        deduplicated=number("e:dd"),
        debounced=number("e:db"),
        rate_limited=number("e:rl"),
        errors=number("e:er"),
        last_trigger=number("e:lt") or None,
        last_success=number("e:lok") or None,
        last_error=HandlerError(fields["e:lem"] or "", fields["e:lee"] or "", int(at)) if at else None,
        waiting=waiting,
        oldest=int(oldest[0][1]) if oldest else None,
        open=opened,
    )
