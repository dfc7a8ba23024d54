"""W3C trace contexts: of an attempt, of its run's dispatch, of its job's adoption; the same whoever computes them."""

import re
from hashlib import blake2b

from kronstream.domain.run import Trigger

_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")


def trace_id(run: str, given: str | None = None) -> str:
    """The trace of a run, 32 hexadecimal digits: the one it was given as an id or a traceparent, else of its own."""
    return named(given) or _hexadecimal(run, 16)


def named(given: str | None) -> str | None:
    """The trace that a trace id or a traceparent names; None for any other text."""
    given = (given or "").strip().lower()
    found = _PARENT.fullmatch(given)
    if found is not None:
        return found[1]
    return given if _ID.fullmatch(given) else None


def traceparent(run: str, attempt: int, given: str | None = None) -> str:
    """The header of an attempt: version 00, the trace, a span of this attempt, and the flags that were given."""
    known = _PARENT.fullmatch((given or "").strip().lower())
    flags = known[2] if known is not None else "01"
    return f"00-{trace_id(run, given)}-{_hexadecimal(f'{run}:{attempt}', 8)}-{flags}"


def parent(run: str, given: str | None = None) -> str | None:
    """The traceparent that the attempts of a run lie below: the one it was given, else that of its dispatch by a
    schedule; None for a run that nobody who told a trace asked for."""
    if given:
        return given
    return dispatch(run) if run.rpartition("-")[2].startswith(Trigger.SCHEDULE.value) else None


def dispatch(run: str) -> str:
    """The traceparent of the dispatch of a run, which begins its trace."""
    return f"00-{trace_id(run)}-{_hexadecimal(f'{run}:dispatch', 8)}-01"


def adoption(uid: str, generation: int) -> str:
    """The traceparent of the adoption of a job's generation, which is a trace of its own."""
    name = f"{uid}:{generation}:adopt"
    return f"00-{_hexadecimal(name, 16)}-{_hexadecimal(name, 8)}-01"


def _hexadecimal(text: str, size: int) -> str:
    return blake2b(text.encode(), digest_size=size).hexdigest()
