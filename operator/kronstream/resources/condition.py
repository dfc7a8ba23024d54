"""Conditions of a status, as all of Kubernetes keeps them: some are ours, the others stay as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kronstream.resources.instant import render

Told = tuple[str, str, str, str]
"""Type, status (True, False or Unknown), reason and message."""


def conditions(
    ours: Sequence[Told], before: Iterable[Mapping[str, Any]], generation: int, now: int
) -> list[dict[str, Any]]:
    """Ours in their order, then those that others wrote, untouched.

    ``before`` are those that the status tells now: the instant of a transition stays where the status of a condition
    does. ``now`` is in milliseconds.
    """
    known = {str(condition.get("type")): condition for condition in before}
    written = []
    for kind, value, reason, message in ours:
        old = known.pop(kind, {})
        same = old.get("status") == value and old.get("lastTransitionTime")
        written.append(
            {
                "type": kind,
                "status": value,
                "observedGeneration": generation,
                "lastTransitionTime": old["lastTransitionTime"] if same else render(now // 1000 * 1000),
                "reason": reason,
                "message": message,
            }
        )
    return written + [dict(condition) for condition in known.values()]
