"""Amounts of memory as Kubernetes writes them: `256Mi`, `1.5Gi`, `500M`, `1048576`."""

from __future__ import annotations

import re
from decimal import Decimal

PATTERN = r"[0-9]{1,15}([.][0-9]{1,6})?(Ki|Mi|Gi|Ti|k|M|G|T)?"
MAX_LENGTH = 24

_WHOLE = re.compile(f"(?P<number>{PATTERN[: PATTERN.rindex('(')]})(?P<unit>Ki|Mi|Gi|Ti|k|M|G|T)?")
_UNITS = {
    "Ti": 1 << 40, "Gi": 1 << 30, "Mi": 1 << 20, "Ki": 1 << 10, "T": 10**12, "G": 10**9, "M": 10**6, "k": 10**3,
}  # fmt: skip


def parse(text: str) -> int:
    """The bytes of an amount, a fraction of a byte counts as a whole one.

    Raises ValueError, with what to write instead, for any other text.
    """
    found = _WHOLE.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if found is None:
        raise ValueError(
            f"{text[:MAX_LENGTH]!r} is not an amount of memory; write a number with a unit, like 256Mi or 1.5Gi"
        )
    exact = Decimal(found["number"]) * _UNITS.get(found["unit"] or "", 1)
    return int(exact.to_integral_value(rounding="ROUND_CEILING"))


def render(size: int) -> str:
    """The shortest exact text of a number of bytes: 268435456 is `256Mi`.

    Raises ValueError for a negative number.
    """
    if size < 0:
        raise ValueError(f"{size} bytes are negative; an amount is not")
    return next((f"{size // unit}{name}" for name, unit in _UNITS.items() if size and size % unit == 0), str(size))
