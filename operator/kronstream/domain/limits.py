"""Limits that hold over all workers: how many runs execute at a time, and how many attempts begin in a time.

As text: ``3`` at a time, ``100/1m`` begun in a minute, ``3+100/1m`` both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kronstream.domain import duration
from kronstream.domain.run import digest

MOST_AT_A_TIME, MOST_IN_A_TIME = 10_000, 1_000_000
SHORTEST, LONGEST = 1_000, 86_400_000
ADVICE = "write how many at a time (3), how many in a time (100/1m), or both (3+100/1m)"


@dataclass(frozen=True, slots=True)
class Gate:
    """One limit: ``max`` at a time, ``count`` in ``per`` milliseconds; None for no such limit.

    ``name`` is its identity: what shares it is counted together.
    """

    name: str
    max: int | None = None
    count: int | None = None
    per: int | None = None

    def shape(self) -> dict[str, Any]:
        """As JSON, without what it does not limit."""
        parts = {"name": self.name, "max": self.max, "count": self.count, "per": self.per}
        return {name: value for name, value in parts.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Limits:
    """A worker's limits, of its queues and of functions, by their names."""

    queues: Mapping[str, Gate]
    functions: Mapping[str, Gate]

    def shape(self) -> dict[str, dict[str, dict[str, Any]]]:
        """As JSON."""
        kinds = (("queues", self.queues), ("functions", self.functions))
        return {kind: {name: gate.shape() for name, gate in gates.items()} for kind, gates in kinds if gates}


def queue_gate(queue: str, text: str) -> Gate:
    """The gate of a queue. Raises ValueError, as all that read here."""
    return _gate(f"q/{queue}", text)


def function_gate(function: str, text: str) -> Gate:
    """The gate of a function, whichever jobs and queues its runs belong to."""
    return _gate(f"f/{function}", text)


def key_name(namespace: str, shared: str, key: str) -> str:
    """The name of the gate of one key of a namespace; ``shared`` tells whose keys they are."""
    return f"k/{namespace}/{digest(shared, key)}"


def _gate(name: str, text: str) -> Gate:
    at_a_time, plus, pace = text.partition("+") if "+" in text else ("", "", text) if "/" in text else (text, "", "")
    most = _number(at_a_time, MOST_AT_A_TIME) if at_a_time or not pace else None
    if not pace:
        if plus:
            raise ValueError(f"{text!r:.80} is no limit; {ADVICE}")
        return Gate(name, most)
    count, _, span = pace.partition("/")
    try:
        per = duration.parse(span)
    except ValueError:
        per = 0
    if not SHORTEST <= per <= LONGEST:
        raise ValueError(f"{span!r:.80} is not a time from 1s to 1d; {ADVICE}")
    return Gate(name, most, _number(count, MOST_IN_A_TIME), per)


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= most):
        raise ValueError(f"{text!r:.80} is not a number from 1 to {most}; {ADVICE}")
    return int(text)
