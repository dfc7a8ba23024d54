"""Instants: the present, those of a status, and whether a row of them has gaps."""

import time
from collections.abc import Iterable

from eventually import eventually
from integration.objects import Object
from kronstream.resources.instant import parse, render

__all__ = ["at", "gaps", "now", "parse", "percentile", "render", "until"]


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def until(instant: int) -> None:
    """Returns when the clock shows an instant."""
    eventually(lambda: now() >= instant, within=max(instant - now(), 0) / 1000 + 5)


def at(job: Object, field: str) -> int | None:
    """An instant of a job's status."""
    text = job.get("status", {}).get(field)
    return None if text is None else parse(text)


def gaps(instants: Iterable[int], interval: int) -> list[int]:
    """The instants that are missing between the first and the last, when they come at an interval."""
    found = sorted(instants)
    return sorted(set(range(found[0], found[-1] + 1, interval)) - set(found)) if found else []


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which a share (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
