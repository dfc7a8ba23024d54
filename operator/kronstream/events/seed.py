"""What a handler's status still knows, for a store that lost it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kronstream.domain.errors import Invalid
from kronstream.ports import Seed
from kronstream.resources.eventhandler import parse_handler_status


def seed_of(status: Mapping[str, Any]) -> Seed | None:
    """The counters of a status that a router wrote; None for one that none has written."""
    if not status.get("seq"):
        return None
    try:
        known = parse_handler_status(status)
    except Invalid:
        # a status that nobody can read must not keep its handler from acting
        return None
    error = known.last_error
    numbers: dict[str, int | None] = {
        "seq": known.seq,
        "e:t": known.trigger_count,
        "e:ok": known.success_count,
        "e:bad": known.failure_count,
        "e:f": known.filtered_count,
        "e:dd": known.deduplicated_count,
        "e:db": known.debounced_count,
        "e:rl": known.rate_limited_count,
        "e:er": known.error_count,
        "e:lt": known.last_trigger_time_ms,
        "e:lok": known.last_success_time_ms,
        "e:lea": error.at_ms if error is not None else None,
    }
    fields = {name: str(value) for name, value in numbers.items() if value}
    if error is not None:
        fields |= {"e:lem": error.message, "e:lee": error.event or ""}
    return Seed(fields)
