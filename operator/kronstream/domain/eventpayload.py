"""The payload that an action hands on: what the handler says, and the event that caused it."""

from __future__ import annotations

import json
from typing import Any

from kronstream.domain import filter as expressions
from kronstream.domain.depth import LEVELS, too_deep
from kronstream.domain.event import Event
from kronstream.domain.filter import Seen, Transform

MAX_BYTES = 65_536
OWN = "payload"
DATA, NAME = "event_data", "event_name"


class Unpayable(ValueError):  # noqa: N818 - what became of a payload
    """No payload can be made, and none could by trying again; the text says why."""


def payload(event: Event, own: Any = None, transform: Transform | None = None, seen: Seen | None = None) -> Any:
    """What the run gets. Raises Unpayable.

    With a ``transform`` what it gives; ``seen`` is what expressions see of the event, made here when it is None. Else
    the action's ``own`` payload when it is an object, or one with it as ``payload``, and on top the event: its data as
    ``event_data`` (base64 where it came as bytes, null where there is none), its type as ``event_name``.
    """
    if transform is not None:
        try:
            found = transform.of(seen or expressions.seen(event))
        except ValueError as fault:
            raise Unpayable(f"transform: {fault}") from None
    else:
        given = {} if own is None else own if isinstance(own, dict) else {OWN: own}
        found = {**given, DATA: event.data if event.data_base64 is None else event.data_base64, NAME: event.type}
    _check(found)
    return found


def _check(found: Any) -> None:
    if too_deep(found):
        raise Unpayable(f"the payload is nested more than {LEVELS} levels deep; pass on less of the event by transform")
    try:
        size = len(json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode())
    except (TypeError, ValueError):
        raise Unpayable("the payload is not JSON") from None
    if size > MAX_BYTES:
        raise Unpayable(
            f"the payload has {size} bytes of JSON and {MAX_BYTES} are allowed; pass on less of the event by transform"
        )
