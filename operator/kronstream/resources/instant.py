"""Instants as Kubernetes writes them (RFC 3339), kept as integer milliseconds since 1970 in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

PATTERN = (
    r"[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
MAX_LENGTH = 35  # 2026-12-24T18:00:00.000000000+01:00
INSTEAD = "write a date, a time and an offset, like 2026-12-24T18:00:00Z or 2026-12-24T19:00:00+01:00"

_WHOLE = re.compile(PATTERN)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def parse(text: str) -> int:
    """The milliseconds since 1970 of an RFC 3339 text with `Z` or an offset; finer parts are cut off.

    Raises ValueError, with what is wrong, for any other text, a day that no calendar has and a time before 1970.
    """
    if len(text) > MAX_LENGTH or not _WHOLE.fullmatch(text):
        raise ValueError(f"{text[:MAX_LENGTH]!r} is not an instant")
    try:
        ms = (datetime.fromisoformat(text) - _EPOCH) // _MILLISECOND
    except ValueError as fault:
        raise ValueError(f"{text!r} is not an instant: {fault}") from None
    if ms < 0:
        raise ValueError(f"{text!r} is before 1970")
    return ms


def render(ms: int) -> str:
    """The RFC 3339 text in UTC; milliseconds are shown only when there are any: 2026-12-24T18:00:00Z.

    Raises OverflowError past the year 9999.
    """
    moment = _EPOCH + timedelta(milliseconds=ms)
    return moment.isoformat(timespec="milliseconds" if ms % 1_000 else "seconds").replace("+00:00", "Z")
