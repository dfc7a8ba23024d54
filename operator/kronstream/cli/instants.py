"""Instants and spans as people read and write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

_SPAN = re.compile(r"(\d+)([smhdw])")
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def now() -> datetime:
    """The present."""
    return datetime.now(UTC)


def away(stamp: str | None, present: datetime) -> str | None:
    """How far an instant is: `in 5m`, `2h10m ago`; None for none."""
    at = instant(stamp)
    if at is None:
        return None
    seconds = (at - present).total_seconds()
    return f"in {span(seconds)}" if seconds > 0 else f"{span(-seconds)} ago"


def span(seconds: float) -> str:
    """A span in its two largest units, as kubectl writes ages."""
    left = int(seconds)
    if left < 1:
        return f"{seconds * 1000:.0f}ms" if seconds >= 0.001 else "0s"
    found = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            found.append(f"{count}{unit}")
        elif found:
            break
    return "".join(found[:2])


def lasted(ms: int | None) -> str | None:
    """A duration in milliseconds."""
    if ms is None:
        return None
    return f"{ms}ms" if ms < 1_000 else f"{ms / 1_000:.1f}s" if ms < 60_000 else span(ms / 1_000)


class When(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    """An instant, or how long from now: `2h` (with `ago`: before now); as the API reads instants."""

    name = "time"

    def __init__(self, *, ago: bool) -> None:
        self._sign = -1 if ago else 1

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """RFC 3339 in UTC."""
        seconds = seconds_of(value)
        if seconds is not None:
            return _rendered(now() + timedelta(seconds=self._sign * seconds))
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            self.fail(
                f"{value[:80]!r} is no instant; write one like 2026-12-24T18:00:00Z, or a span like 2h30m", param, ctx
            )
        return _rendered(at.astimezone(UTC))


class Span(click.ParamType):  # type: ignore[type-arg]
    """A span such as 90s or 2h30m, as seconds."""

    name = "duration"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, (int, float)):
            return value
        seconds = seconds_of(value)
        if seconds is None:
            self.fail(f"{value[:80]!r} is no duration; write one like 90s or 2h30m", param, ctx)
        return seconds


def seconds_of(text: str) -> int | None:
    """The seconds of a span, None for what is none."""
    if not text or _SPAN.sub("", text) or len(text) > 40:
        return None
    found = sum(int(count) * SECONDS[unit] for count, unit in _SPAN.findall(text))
    return found if found < 100 * 365 * 86_400 else None


def instant(stamp: str | None) -> datetime | None:
    """An instant of RFC 3339; None for none, and for what is none."""
    try:
        at = datetime.fromisoformat(stamp) if stamp else None
    except ValueError:
        return None
    return at if at is None or at.tzinfo else None


def _rendered(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
