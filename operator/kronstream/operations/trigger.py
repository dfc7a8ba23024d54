"""Triggering handlers by hand: an event has its effects at once, and whoever asks is told what each handler made of it.

The same matching and planning as in a router; nothing goes through a stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kronstream.domain.event import CHAIN, CHAIN_LIMIT, Event
from kronstream.domain.eventpayload import Unpayable
from kronstream.operations.eventhandlers import Hearers
from kronstream.operations.making import job_of
from kronstream.operations.refused import Refused, Why, gone
from kronstream.operations.routing import Heard, Passed, Wish, effect, judged, requested, wishes
from kronstream.operations.targets import Target, Targets
from kronstream.operations.triggered import Answer, answered, apart, passed_by, planned
from kronstream.ports import EffectKind, Effects, Epoch, Fate, FateWord, Requests
from kronstream.resources.cloudevent import Unreadable, write_event

STREAM = "stream:events"
CHUNK = 200
AGAIN = 5


class Trigger:
    """One service for every door. The handlers come with each call: the caller knows where they are listed."""

    def __init__(self, effects: Effects, requests: Requests) -> None:
        self._effects = effects
        self._requests = requests

    async def fire(
        self, event: Event, handlers: Hearers, *, stream: str = STREAM, outcome: bool = False, dry_run: bool = False
    ) -> list[Answer]:
        """Let an event have its effects as if it had come by a stream.

        The answers of those that it is for come first, in the order in which they act; then those of others that mean
        its type, and why they were not asked. With ``dry_run`` nothing is made: what the store alone knows (dedupe,
        debounce, rate limits, overlap) is not asked. ``outcome``: the event is the store's own, about a run. Raises
        Refused, and what redis-py raises; after that some effects may have been had, and the same event has the others.
        """
        heard = _heard(event)
        plans = list(wishes(heard, handlers.find(event, stream, outcome=outcome)))
        wanted = [plan for plan in plans if isinstance(plan, Wish)]
        acting = _Acting(self._effects, self._requests)
        acted = iter(await acting.plan(wanted) if dry_run else await acting.act(wanted))
        answers = [next(acted) if isinstance(plan, Wish) else passed_by(plan) for plan in plans]
        return answers + [apart(one, why) for one, why in handlers.passed(event, stream, outcome=outcome)]

    async def redo(self, event: Event, handler: str, handlers: Hearers, item: str) -> Answer:
        """Let an event have its effect by one handler (``eh.<UID>``) once more; ``item`` is the new identity of the
        pair, under which it is done once.

        By the handler as it is now: its filter judges anew and its rate limit holds, dedupe and debounce do not. Raises
        Refused.
        """
        known = handlers.get(handler)
        if known is None:
            raise gone(f"EventHandler {handler.partition('.')[2]}")
        if known.listener is None:
            raise Refused(Why.CONFLICT, f"EventHandler {known.namespace}/{known.name}: {known.fault}; mend it first")
        if not known.enabled:
            raise Refused(Why.CONFLICT, f"EventHandler {known.namespace}/{known.name} is not enabled; enable it first")
        plan = judged(known.listener, _heard(event), item)
        if isinstance(plan, Passed):
            return passed_by(plan)
        acting = _Acting(self._effects, self._requests)
        (answer,) = await acting.act([replace(plan, dedupe=None, debounce=None)])
        return answer


class _Acting:
    """The wishes of one call, and the jobs that they run."""

    def __init__(self, effects: Effects, requests: Requests) -> None:
        self._effects = effects
        self._requests = requests
        self._targets = Targets(effects, requests)

    async def plan(self, wanted: Sequence[Wish]) -> list[Answer]:
        """What would be done."""
        await self._fetch(wanted)
        now = await self._requests.now()
        return [planned(wish, self._fault(wish, now)) for wish in wanted]

    async def act(self, wanted: Sequence[Wish]) -> list[Answer]:
        """What was done. Raises Refused."""
        answers: list[Answer] = []
        for start in range(0, len(wanted), CHUNK):
            chunk = wanted[start : start + CHUNK]
            await self._fetch(chunk)
            fates = await self._route(chunk)
            now = await self._requests.now()
            answers += [answered(wish, fate, self._fault(wish, now)) for wish, fate in zip(chunk, fates, strict=True)]
        return answers

    async def _route(self, chunk: Sequence[Wish]) -> list[Fate]:
        """What became of each; a job that was edited meanwhile is looked at again."""
        fates: dict[str, Fate] = {}
        todo = list(chunk)
        for _ in range(AGAIN):
            fates |= dict(zip((wish.item for wish in todo), await self._ask(todo), strict=True))
            todo = [wish for wish in todo if fates[wish.item].word is FateWord.MOVED]
            if not todo:
                break
            for wish in todo:
                if wish.job is not None:
                    self._targets.forget(wish.job)
            await self._fetch(todo)
        return [fates[wish.item] for wish in chunk]

    async def _ask(self, wanted: Sequence[Wish]) -> list[Fate]:
        epoch, now = await self._requests.epoch(), await self._requests.now()
        try:
            if epoch:
                return await self._effects.route(epoch, [effect(wish, self._target(wish), now) for wish in wanted])
        except Epoch:
            pass
        raise Refused(Why.AWAY, "Redis was lost and is being filled from the resources; try again in a moment")

    async def _fetch(self, wanted: Sequence[Wish]) -> None:
        await self._targets.fetch(wish.job for wish in wanted if wish.job is not None)

    def _target(self, wish: Wish) -> Target | None:
        return self._targets.get(wish.job) if wish.job is not None else None

    def _fault(self, wish: Wish, now: int) -> str:
        """Why the action cannot be had, as a router would find; '' where it can."""
        listener, target = wish.listener, self._target(wish)
        if listener.job is not None and target is None:
            return f"there is no ScheduledJob {listener.job} in namespace {listener.namespace}"
        try:
            if listener.kind is EffectKind.CREATE:
                job_of(listener, wish.heard, wish.item, now)
            else:
                requested(listener, wish.heard, wish.item, target, now)
        except (Unpayable, Refused, OverflowError) as fault:
            return str(fault)
        return ""


def _heard(event: Event) -> Heard:
    if event.depth >= CHAIN_LIMIT:
        raise Refused(
            Why.INVALID, f"{CHAIN}: {event.depth} actions led to this event, one after the other, and {CHAIN_LIMIT} "
            "are allowed; leave it out to begin anew",
        )  # fmt: skip
    try:
        return Heard(event, write_event(event))
    except (Unreadable, OverflowError) as fault:
        raise Refused(Why.INVALID, str(fault)) from None
