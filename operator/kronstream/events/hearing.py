"""From an entry of a stream to the event in it, or to a dead letter. Pure."""

from __future__ import annotations

import json

from kronstream.domain.event import CHAIN_LIMIT, Event
from kronstream.domain.outcomeevent import event_of
from kronstream.operations.routing import Heard, added_at
from kronstream.ports import Entry, EventLetter
from kronstream.ports.eventlog import FIELD
from kronstream.resources.cloudevent import Unreadable, read_event

MOST_DELIVERIES = 5
SHOWN = 200  # characters of names
FIELDS = 100  # of an entry that is no event, whose names are kept


def heard(entry: Entry, now: int, *, outcome: bool) -> Heard | EventLetter:
    """The event of an entry (of the store's own outcomes: in its fields), or why nobody can act on it.

    ``now`` is the store's clock in milliseconds.
    """
    # a run's own fields are kept as they are, for the letter may be replayed
    came = json.dumps(dict(entry.fields), ensure_ascii=False) if outcome else None
    if entry.deliveries > MOST_DELIVERIES:
        said = f"delivered {entry.deliveries} times, and each time the router ended or did not get done with it"
        return letter(entry, "TooManyDeliveries", said, text=came)
    try:
        event, text = _outcome(entry) if outcome else _event(entry, now)
    except Unreadable as fault:
        return letter(entry, fault.reason, str(fault), text=came)
    except ValueError as fault:
        return letter(entry, "Invalid", str(fault), text=came)
    if event.depth >= CHAIN_LIMIT:
        said = (
            f"{event.depth} actions led to this event, one after the other, and {CHAIN_LIMIT} are allowed; "
            "a handler that causes its own event again has no end"
        )
        return letter(entry, "ChainTooDeep", said, text=text)
    return Heard(event, text, added_at(entry.id))


def letter(entry: Entry, reason: str, message: str, handler: str = "", text: str | None = None) -> EventLetter:
    """A dead letter about an entry, with the event (``text``), or what came in its place.

    Of an entry that is no event at all it has the names of the fields alone: the stream may be somebody else's, and who
    reads dead letters is not who reads the stream.
    """
    text = entry.fields.get(FIELD) if text is None else text
    if text is None:
        text = json.dumps([name[:SHOWN] for name in list(entry.fields)[:FIELDS]], ensure_ascii=False)
    return EventLetter(reason=reason, message=message, stream=entry.stream, entry=entry.id, handler=handler, text=text)


def _event(entry: Entry, now: int) -> tuple[Event, str]:
    text = entry.fields.get(FIELD)
    if text is None:
        names = ", ".join(list(entry.fields)[:8])[:SHOWN]
        raise Unreadable(
            "NoEvent", f"the entry has no field {FIELD!r} with the event as JSON; it has {names or 'none'}"
        )
    return read_event(text, now), text


def _outcome(entry: Entry) -> tuple[Event, str]:
    event = event_of(entry.fields)
    return event, json.dumps(event.dump(), ensure_ascii=False, separators=(",", ":"))
