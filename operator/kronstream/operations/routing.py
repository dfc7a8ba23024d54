"""From an event to what its handlers make of it: who hears it, whom it passes by, what it is to cause. All pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kronstream.domain import filter as expressions
from kronstream.domain.event import Event
from kronstream.domain.eventpayload import MAX_BYTES, Unpayable, payload
from kronstream.domain.filter import Seen
from kronstream.domain.retry import delay
from kronstream.domain.run import Trigger, digest, run_id
from kronstream.operations.listener import Listener
from kronstream.operations.refused import Refused
from kronstream.operations.runs import keys_of
from kronstream.operations.targets import Target
from kronstream.ports import Debounce, Dedupe, Effect, EffectKind, Request
from kronstream.resources.cloudevent import Unreadable, of_value

OLDER = 60_000  # ms by which an event may be older than its handler: the clocks of two servers differ
PLAUSIBLE = 1_000_000_000_000  # ids of entries below this are no instants: somebody numbers them otherwise
LOOKED_UP_AGAIN = 200  # ms until a run is tried again whose job may have been made anew
BY = "event-scheduler"
LONGEST_TRACE = 256

_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class Heard:
    """An event with its text, and what expressions see of it, found out once and only when one asks."""

    def __init__(self, event: Event, text: str, added: int | None = None) -> None:
        """``text`` is its structured JSON, ``added`` when its entry was added to the stream (ms)."""
        self.event = event
        self.text = text
        self.added = added

    @cached_property
    def seen(self) -> Seen:
        """Raises OverflowError for a time past the year 9999."""
        return expressions.seen(self.event)

    @cached_property
    def body(self) -> str:
        """What is kept where an effect has to wait."""
        return f'{{"event":{self.text}}}'

    @cached_property
    def fits(self) -> bool:
        """Whether the body may be kept."""
        return len(self.body) * 4 <= MAX_BYTES or len(self.body.encode("utf-8", "surrogatepass")) <= MAX_BYTES


@dataclass(frozen=True, slots=True)
class Passed:
    """An event passes a handler by; ``error`` when that could not be judged."""

    listener: Listener
    why: str
    error: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """A handler wants to act on an event; what of it the store has to know."""

    listener: Listener
    heard: Heard
    item: str
    dedupe: Dedupe | None = None
    debounce: Debounce | None = None

    @property
    def job(self) -> tuple[str, str] | None:
        """Namespace and name of the job that is to run; None where the run, if there is one, is the handler's own."""
        name = self.listener.job
        return None if name is None else (self.listener.namespace, name)


def added_at(entry: str) -> int | None:
    """When an entry was added, by its id (milliseconds); None for ids that somebody made up."""
    ms = entry.partition("-")[0]
    return int(ms) if ms.isdecimal() and int(ms) >= PLAUSIBLE else None


def wishes(heard: Heard, listeners: Iterable[Listener]) -> Iterator[Passed | Wish]:
    """What each of the handlers that listen makes of an event, in their order; those that are younger make nothing."""
    event = heard.event
    for listener in listeners:
        if heard.added is not None and heard.added < listener.created - OLDER:
            continue
        yield judged(listener, heard, digest(event.source, event.id, listener.uid))


def judged(listener: Listener, heard: Heard, item: str) -> Passed | Wish:
    """What one handler makes of an event."""
    if not listener.looks:
        debounce = listener.debounce
        if debounce is None and listener.dedupe is None:
            return Wish(listener, heard, item) if heard.fits else _too_large(listener)
    elif listener.filter is not None:
        try:
            verdict = listener.filter.holds(heard.seen)
        except OverflowError as fault:
            return Passed(listener, str(fault), error=True)
        if not verdict.holds:
            return Passed(listener, f"filter {verdict.why}", verdict.error)
    if not heard.fits:
        return _too_large(listener)
    try:
        return Wish(listener, heard, item, _dedupe(listener, heard), _debounce(listener, heard))
    except (ValueError, OverflowError) as fault:
        return Passed(listener, str(fault), error=True)


def _too_large(listener: Listener) -> Passed:
    return Passed(listener, f"the event has more than {MAX_BYTES} bytes of JSON, which cannot be kept", error=True)


def _dedupe(listener: Listener, heard: Heard) -> Dedupe | None:
    window = listener.dedupe
    if window is None:
        return None
    try:
        return Dedupe(window.key.of(heard.seen) if window.key is not None else "", window.span)
    except ValueError as fault:
        raise ValueError(f"dedupe.key: {fault}") from None


def _debounce(listener: Listener, heard: Heard) -> Debounce | None:
    burst = listener.debounce
    if burst is None:
        return None
    try:
        key = burst.key.of(heard.seen) if burst.key is not None else ""
    except ValueError as fault:
        raise ValueError(f"debounce.key: {fault}") from None
    return Debounce(key, burst.quiet, burst.most, burst.last)


def effect(wish: Wish, target: Target | None, now: int) -> Effect:
    """What the store is asked to do; ``target`` is the job of runJob, ``now`` the store's clock (milliseconds).

    An action that cannot be had (no such job, a payload that is too large) is left to whoever takes what waits: there
    it is tried again, or fails, and is counted.
    """
    listener = wish.listener
    request = None
    retry_in: int | None = LOOKED_UP_AGAIN
    if listener.kind is EffectKind.RUN and wish.debounce is None:
        try:
            request = requested(listener, wish.heard, wish.item, target, now)
        except (Unpayable, Refused):
            retry_in = 0  # it is told by the first attempt, which finds the same
        if target is None and listener.job is not None:
            retry_in = delay(listener.retry, 1, wish.item)
    return Effect(
        handler=listener.uid,
        generation=listener.generation,
        item=wish.item,
        kind=listener.kind,
        body=wish.heard.body,
        request=request,
        dedupe=wish.dedupe,
        debounce=wish.debounce,
        pace=listener.pace,
        most_open=listener.most_open,
        retry_in=retry_in,
        event=wish.heard.event.id,
    )


def requested(listener: Listener, heard: Heard, item: str, target: Target | None, now: int) -> Request | None:
    """The run that an event asks for; None where its job is not there. Raises Unpayable, and Refused for its keys."""
    if listener.job is not None and target is None:
        return None
    event = heard.event
    uid, generation, own = listener.uid, listener.generation, listener.payload
    if target is not None:
        uid, generation, own = target.uid, target.generation, target.payload
    seen = heard.seen if listener.transform is not None else None
    text = _ENCODE(payload(event, own, listener.transform, seen))
    return Request(
        uid=uid,
        run=run_id(uid, Trigger.EVENT, item),
        nominal=now,
        generation=generation,
        payload=text,
        by=BY,
        trace=event.trace[:LONGEST_TRACE] if event.trace is not None else None,
        keys=keys_of(target.stored, text) if target is not None and target.stored is not None else None,
        depth=event.depth + 1,
    )


def body_event(body: str) -> Any:
    """The structured event that a kept body holds. Raises ValueError for a text that is none."""
    found = json.loads(body)
    if not isinstance(found, dict) or "event" not in found:
        raise ValueError("no event is kept in it")
    return found["event"]


def kept(body: str) -> Heard:
    """The event of an effect that waited. Raises Unreadable."""
    try:
        event = of_value(body_event(body))
    except ValueError as fault:
        raise Unreadable("Invalid", f"what was kept of the event cannot be read: {fault}") from None
    return Heard(event, body.partition(":")[2][:-1])
