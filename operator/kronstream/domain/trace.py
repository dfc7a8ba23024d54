"""The W3C trace context of an attempt, always the same for the same attempt."""

import re
from hashlib import blake2b

_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")


def trace_id(run: str, given: str | None = None) -> str:
    """The trace of a run, 32 hexadecimal digits: the one it was given as an id or a traceparent, else of its own."""
    given = (given or "").strip().lower()
    parent = _PARENT.fullmatch(given)
    if parent is not None:
        return parent[1]
    return given if _ID.fullmatch(given) else blake2b(run.encode(), digest_size=16).hexdigest()


def traceparent(run: str, attempt: int, given: str | None = None) -> str:
    """The header of an attempt: version 00, the trace, a span of this attempt, and the flags that were given."""
    parent = _PARENT.fullmatch((given or "").strip().lower())
    flags = parent[2] if parent is not None else "01"
    span = blake2b(f"{run}:{attempt}".encode(), digest_size=8).hexdigest()
    return f"00-{trace_id(run, given)}-{span}-{flags}"
