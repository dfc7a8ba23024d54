"""Whether and when a failed attempt is tried again: exponential backoff with a bounded, reproducible jitter."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import Any

LONGEST_WAIT = 86_400_000
"""Milliseconds: no handler may put its next attempt off for longer than a day."""


@dataclass(frozen=True, slots=True)
class Retry:
    """``limit`` retries after the first attempt; delays in milliseconds; ``jitter`` is a share (0..1) of the delay."""

    limit: int = 3
    initial: int = 10_000
    factor: float = 2.0
    maximum: int = 600_000
    jitter: float = 0.1

    @property
    def attempts(self) -> int:
        """Attempts in all, the first one included."""
        return self.limit + 1

    @classmethod
    def load(cls, raw: Mapping[str, Any]) -> "Retry":
        """Of its stored fields; those that a newer version added are passed over."""
        return cls(**{name: raw[name] for name in _FIELDS & raw.keys()})


_FIELDS = frozenset(one.name for one in fields(Retry))


def delay(retry: Retry, attempt: int, seed: str, asked: int | None = None) -> int | None:
    """Milliseconds until the attempt after ``attempt`` (1 is the first), or None when there is none left.

    The jitter adds 0..jitter of the delay, taken from a hash of the seed and the attempt, so that a preview of a
    run's retries and its real ones agree. A wait that the handler `asked` for stands instead, as it is.
    """
    if attempt > retry.limit:
        return None
    if asked is not None:
        return min(asked, LONGEST_WAIT)
    # the exponent is capped: 2.0 ** 2000 overflows a float, and the maximum is reached long before
    base = min(retry.initial * retry.factor ** min(attempt - 1, 64), float(retry.maximum))
    digest = blake2b(f"{seed}:{attempt}".encode(), digest_size=4).digest()
    return int(base * (1 + retry.jitter * int.from_bytes(digest) / 0xFFFFFFFF))
