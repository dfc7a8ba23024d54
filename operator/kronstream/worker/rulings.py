"""What a handler may decide about its next attempt: that there is none, or when."""

from __future__ import annotations

import math

from kronstream.domain.retry import LONGEST_WAIT
from kronstream.domain.run import Reason


class Permanent(Exception):  # noqa: N818 - read as `raise Permanent("no such customer")`
    """Raised by a handler whose failure no further attempt can mend: the run fails at once."""


class RetryAfter(Exception):  # noqa: N818 - read as `raise RetryAfter(30)`
    """Raised by a handler that fails and knows when it is worth trying again: in `seconds`, instead of the backoff.

    The attempt still counts for the job's limit, and no wait is longer than a day. Raises TypeError for what is not a
    number, ValueError for a negative or infinite one.
    """

    def __init__(self, seconds: float, message: str = "") -> None:
        self.wait = milliseconds(seconds)
        super().__init__(message or f"to be tried again in {seconds:g} s")


class Fault(Exception):  # noqa: N818 - what became of the work
    """What a handler type raises: ``kind`` is the type of the failure in the record.

    ``codes`` are what ``retry.onlyOn`` and ``retry.notOn`` may name, such as ``http:503`` or ``exit:3``; ``permanent``
    rules out another attempt, ``wait`` is when it is worth one, in milliseconds.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        codes: tuple[str, ...] = (),
        permanent: bool = False,
        wait: int | None = None,
        reason: Reason = Reason.ERROR,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.codes = codes
        self.permanent = permanent
        self.reason = reason
        self.wait = None if wait is None else min(max(wait, 0), LONGEST_WAIT)


class Parked(Exception):  # noqa: N818 - no failure
    """What a handler type raises once its attempt was parked: it goes on elsewhere, and has no outcome here."""


def milliseconds(seconds: float) -> int:
    """A wait that a handler asks for, at most a day; raises TypeError and ValueError as RetryAfter does."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"retry after {seconds!r:.100}: not a number; give seconds, such as 30 or 0.5")
    if not 0 <= seconds < math.inf:
        raise ValueError(f"retry after {seconds!r:.100} seconds: give a number from 0 on")
    return int(min(seconds * 1000, LONGEST_WAIT))


def asked_wait(error: BaseException, told: object) -> int | None:
    """The wait that an exception asks for, else the one that its Run was `told`, in milliseconds; None for neither.

    Both are fields that a handler may have written anything into.
    """
    wait = vars(error).get("wait") if issubclass(type(error), RetryAfter) else told
    return wait if type(wait) is int and 0 <= wait <= LONGEST_WAIT else None


def is_permanent(error: BaseException) -> bool:
    """Whether no further attempt can mend it; asks the type alone, as an instance may lie about its class."""
    return issubclass(type(error), Permanent)
