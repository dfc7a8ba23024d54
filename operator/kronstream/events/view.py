"""A handler's status: a pure function of the handler, what the store knows of it, and how its streams are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kronstream.events.sources import Source
from kronstream.events.table import Handler, Said
from kronstream.ports import HandlerState
from kronstream.resources.condition import Told
from kronstream.resources.condition import conditions as merged
from kronstream.resources.instant import render

MESSAGE = 1024
LONGEST_EVENT = 256
NEVER = "0-0"


def status_of(
    handler: Handler, state: HandlerState, sources: Sequence[Source], now: int, away: str = ""
) -> dict[str, Any]:
    """The whole status; instants are RFC 3339 texts. ``sources`` are the streams that it listens to, its own first."""
    status: dict[str, Any] = {
        "observedGeneration": handler.generation,
        "seq": state.seq,
        "conditions": conditions(handler, sources, now, away),
        "triggerCount": state.triggered,
        "successCount": state.succeeded,
        "failureCount": state.failed,
        "filteredCount": state.filtered,
        "deduplicatedCount": state.deduplicated,
        "debouncedCount": state.debounced,
        "rateLimitedCount": state.rate_limited,
        "errorCount": state.errors,
        "waiting": state.waiting,
        "openJobs": state.open,
    }
    if handler.action:
        status["action"] = handler.action
    instants = {
        "lastTriggerTime": state.last_trigger,
        "lastSuccessTime": state.last_success,
        "oldestWaitingTime": state.oldest,
    }
    status |= {name: render(at) for name, at in instants.items() if at is not None}
    error = state.last_error
    if error is not None:
        status["lastError"] = {"message": error.message[:MESSAGE], "at": render(error.at)}
        if error.event:
            status["lastError"]["event"] = error.event[:LONGEST_EVENT]
    own = sources[0] if sources else None
    if own is not None and own.lag is not None and own.lag.waiting is not None:
        status["lag"] = own.lag.waiting
    last = own.settled if own is not None and own.settled else handler.status.get("lastId")
    if last:
        status["lastId"] = last
    return status


def deaf_status(handler: Handler, away: str, now: int) -> dict[str, Any]:
    """What the status tells now, of a handler whose store does not answer: all that is known, and that it is deaf."""
    return {**handler.status, "conditions": conditions(handler, (), now, away)}


def conditions(handler: Handler, sources: Sequence[Source], now: int, away: str = "") -> list[dict[str, Any]]:
    """Ours in a fixed order, then those that others wrote, untouched."""
    ours = [(kind, value, reason, said[:MESSAGE]) for kind, value, reason, said in judged(handler, sources, away)]
    return merged(ours, handler.conditions, handler.generation, now)


def judged(handler: Handler, sources: Sequence[Source], away: str = "") -> tuple[Told, Told, Told]:
    """Ready, Stalled and Listening: type, status, reason and message. ``away`` says why the store cannot be used."""
    if handler.fault is not None:
        said = str(handler.fault)
        return (
            ("Ready", "False", "InvalidSpec", said),
            ("Stalled", "True", "InvalidSpec", said),
            ("Listening", "Unknown", "InvalidSpec", "the spec cannot be used"),
        )
    stalled = ("Stalled", "False", "SpecAccepted", "")
    listening = _listening(sources, away)
    if listening[1] != "True":
        return ("Ready", "False", listening[2], listening[3]), stalled, listening
    if not handler.enabled:
        return ("Ready", "True", "Disabled", "enabled is false: events are left out for good"), stalled, listening
    return ("Ready", "True", "InForce", "events are listened for and acted on"), stalled, listening


def _listening(sources: Sequence[Source], away: str) -> Told:
    if away:
        return "Listening", "False", "StoreAway", f"Redis cannot be used: {away}"
    for source in sources:
        if source.fault:
            return "Listening", "False", "StreamFault", source.fault
    waiting = [source.stream for source in sources if not source.joined]
    if waiting or not sources:
        return "Listening", "Unknown", "NotReadYet", f"nobody reads {', '.join(waiting) or 'its stream'} yet"
    own = sources[0]
    if own.lag is not None and own.lag.last == NEVER:
        return "Listening", "True", "NoEventYet", f"{own.stream} is read; nothing has been added to it yet"
    return "Listening", "True", "Reading", f"{own.stream} is read"


def expected(handler: Handler, sources: Sequence[Source], away: str = "") -> Said:
    """What `Handler.said` is while the status tells the conditions as they are; messages are not compared."""
    return tuple((value, reason) for _, value, reason, _ in judged(handler, sources, away))


def lag_differs(handler: Handler, source: Source) -> bool:
    """Whether a stream that is far behind is told of as one that is not, or the other way round."""
    if source.lag is None or source.lag.waiting is None:
        return False
    told = handler.status.get("lag")
    known = told if isinstance(told, int) else -1
    return (source.lag.waiting == 0) != (known == 0) or (
        source.lag.waiting > 100 and not known / 2 <= source.lag.waiting <= known * 2
    )


def mentioned(status: Mapping[str, Any]) -> int:
    """The sequence number of a status."""
    return int(status.get("seq") or 0)
