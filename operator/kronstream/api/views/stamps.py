"""Instants as the API writes them: RFC 3339, UTC, always with milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from kronstream.resources import instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def stamp(ms: int | None) -> str | None:
    """The text of milliseconds since 1970."""
    if ms is None:
        return None
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def restamped(text: Any) -> str | None:
    """An instant of a resource, in the API's form; None for what is none."""
    try:
        return stamp(instant.parse(text))
    except (ValueError, TypeError):
        return None
