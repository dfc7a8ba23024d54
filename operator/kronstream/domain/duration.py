"""Durations as people write them: `1500ms`, `90s`, `2h30m`, `1d`."""

from __future__ import annotations

import re

PATTERN = "^([0-9]+(ms|s|m|h|d))+$"
MAX_LENGTH = 32
MAX_MS = 3_650 * 86_400_000

_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_WHOLE = re.compile(r"(?:[0-9]+(?:ms|s|m|h|d))+")  # fullmatch: `$` alone would let a newline pass
_PART = re.compile(r"([0-9]+)(ms|s|m|h|d)")


def parse(text: str) -> int:
    """The milliseconds of a duration; units may come in any order and are added up.

    Raises ValueError, with what to write instead, for any other text and for more than ten years (3650d).
    """
    if len(text) > MAX_LENGTH or not _WHOLE.fullmatch(text):
        raise ValueError(
            f"{text[:MAX_LENGTH]!r} is not a duration; write numbers with units, like 1500ms, 90s or 2h30m"
        )
    total = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if total > MAX_MS:
        raise ValueError(f"{text!r} is more than ten years; write at most 3650d")
    return total


def render(ms: int) -> str:
    """The shortest exact text of a number of milliseconds, largest unit first: 5400000 is `1h30m`, 0 is `0s`.

    Raises ValueError for a negative number.
    """
    if ms < 0:
        raise ValueError(f"{ms} ms is negative; a duration is not")
    parts = []
    for unit, size in _UNITS.items():
        count, ms = divmod(ms, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
