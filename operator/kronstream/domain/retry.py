"""Whether and when a failed attempt is tried again: exponential backoff with a bounded, reproducible jitter."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import Any

LONGEST_WAIT = 86_400_000
"""Milliseconds: no handler may put its next attempt off for longer than a day."""


@dataclass(frozen=True, slots=True)
class Retry:
    """``limit`` retries after the first attempt; delays in milliseconds; ``jitter`` is a share (0..1) of the delay.

    ``only_on`` are the codes of failures that are tried again (none: all), ``not_on`` those that are not (``covers``).
    """

    limit: int = 3
    initial: int = 10_000
    factor: float = 2.0
    maximum: int = 600_000
    jitter: float = 0.1
    only_on: tuple[str, ...] = ()
    not_on: tuple[str, ...] = ()

    @property
    def attempts(self) -> int:
        """Attempts in all, the first one included."""
        return self.limit + 1

    @classmethod
    def load(cls, raw: Mapping[str, Any]) -> "Retry":
        """Of its stored fields; those that a newer version added are passed over."""
        known: dict[str, Any] = {name: raw[name] for name in _FIELDS & raw.keys()}
        known |= {name: tuple(known[name]) for name in ("only_on", "not_on") if name in known}
        return cls(**known)

    def tries_again(self, codes: Iterable[str]) -> bool:
        """Whether a failure with these codes is one that may be tried again."""
        codes = tuple(codes)
        if any(covers(name, code) for name in self.not_on for code in codes):
            return False
        return not self.only_on or any(covers(name, code) for name in self.only_on for code in codes)


def covers(name: str, code: str) -> bool:
    """Whether a name in ``retry.onlyOn`` or ``retry.notOn`` means a failure's code.

    Codes are the class names of an error (``ValueError``, with and without its module, its bases too), ``http:503``,
    ``exit:3``, and reasons: ``timeout``, ``worker_lost``, ``crashed``. A name may end in ``*``, and ``x`` stands for a
    digit of an HTTP status: ``http:5xx``.
    """
    if name.endswith("*"):
        return code.startswith(name[:-1])
    if name.startswith("http:") and len(name) == len(code):
        return all(wanted in ("x", got) for wanted, got in zip(name, code, strict=True))
    return name == code


_FIELDS = frozenset(one.name for one in fields(Retry))


def backoff(retry: Retry, attempt: int) -> float:
    """Milliseconds until the attempt after ``attempt``, without its jitter."""
    # the exponent is capped: 2.0 ** 2000 overflows a float, and the maximum is reached long before
    return min(retry.initial * retry.factor ** min(attempt - 1, 64), float(retry.maximum))


def delay(retry: Retry, attempt: int, seed: str, asked: int | None = None) -> int | None:
    """Milliseconds until the attempt after ``attempt`` (1 is the first), or None when there is none left.

    The jitter adds 0..jitter of the delay, taken from a hash of the seed and the attempt, so that a preview of a
    run's retries and its real ones agree. A wait that the handler `asked` for stands instead, as it is.
    """
    if attempt > retry.limit:
        return None
    if asked is not None:
        return min(asked, LONGEST_WAIT)
    base = backoff(retry, attempt)
    digest = blake2b(f"{seed}:{attempt}".encode(), digest_size=4).digest()
    return int(base * (1 + retry.jitter * int.from_bytes(digest) / 0xFFFFFFFF))
