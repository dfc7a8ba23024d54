"""H in a cron expression: a number made from a job's name, so that many jobs do not all run at once.

The same job gets the same number wherever and whenever it is asked for; two fields of one job get different ones.
"""

import re
from hashlib import blake2b

from kronstream.domain.fields import DAY, WEEKDAY, Field, quoted

_HASHED = re.compile(r"[Hh](?:\(([0-9]{1,3})-([0-9]{1,3})\))?(?:/([0-9]{1,3}))?")


def is_hashed(field: str) -> bool:
    """Whether any part of the field begins with H (no name does)."""
    return any(part[:1] in {"H", "h"} for part in field.split(","))


def resolve(identity: str, field: Field, text: str) -> str:
    """The field with every H replaced; raises ValueError with the fault and what to write."""
    return ",".join(_number(field, part, identity) if part[:1] in {"H", "h"} else part for part in text.split(","))


def _number(field: Field, part: str, identity: str) -> str:
    match = _HASHED.fullmatch(part)
    if match is None:
        raise ValueError(f"{quoted(part)} is not understood; write H, H(0-29), H/15 or H(0-29)/10")
    # every month has a 28th
    low, high = field.low, 28 if field is DAY else 6 if field is WEEKDAY else field.high
    if match[1]:
        low, high = field.number(match[1]), field.number(match[2])
        if low > high:
            raise ValueError(f"{quoted(part)} ends before it begins; write H({high}-{low})")
    value = int.from_bytes(blake2b(f"{identity}\0{field.name}".encode(), digest_size=8).digest())
    if not match[3]:
        return str(low + value % (high - low + 1))
    step = field.step(match[3])
    first = low + value % min(step, high - low + 1)
    return str(first) if first + step > high else f"{first}-{high}/{step}"
