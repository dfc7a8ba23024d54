"""Time zones from the tz database that the package depends on, and the spans between their changes.

The system's own database is not asked: a plan names the database version it was made with, and two replicas with
different images must agree.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources
from typing import NamedTuple
from zoneinfo import ZoneInfo

import tzdata

VERSION: str = tzdata.IANA_VERSION
DAY = 86_400
_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
# 9990-01-01: dates end soon after, and nothing is known of changes
_LAST = 253_086_681_600
# spans are computed and kept for 388 days at a time
_BLOCK = 1 << 25


class Transition(NamedTuple):
    """At ``instant`` (UTC seconds) the offset from UTC changes from ``before`` to ``after`` (seconds)."""

    instant: int
    before: int
    after: int


class Span(NamedTuple):
    """From ``start`` to before ``end`` (UTC seconds) the offset from UTC is the same (seconds east)."""

    start: int
    end: int
    offset: int


class Zone:
    """One IANA zone; instants and offsets are whole seconds, wall-clock times seconds since 1970 without a zone."""

    __slots__ = ("_info", "_recent", "name")

    def __init__(self, name: str, info: ZoneInfo) -> None:
        self.name = name
        self._info = info
        self._recent = Span(0, 0, 0)

    def offset(self, instant: int) -> int:
        """Seconds east of UTC in force at the instant."""
        delta = datetime.fromtimestamp(instant, self._info).utcoffset()
        return delta.days * DAY + delta.seconds if delta is not None else 0

    def span(self, instant: int) -> Span:
        """A span that holds the instant; the one after it may have the same offset."""
        recent = self._recent
        if recent.start <= instant < recent.end:
            return recent
        spans = _spans(self, instant // _BLOCK)
        self._recent = found = spans[bisect_right(spans, instant, key=lambda span: span.start) - 1]
        return found

    def spans(self, begin: int, end: int) -> list[Span]:
        """The spans that meet [begin, end), in order."""
        found = []
        while begin < end:
            found.append(self.span(begin))
            begin = found[-1].end
        return found

    def next_transition(self, instant: int) -> Transition | None:
        """The first change after the instant, None when two years have none."""
        span, limit = self.span(instant), instant + 2 * 366 * DAY
        while span.end <= limit:
            before, span = span, self.span(span.end)
            if span.offset != before.offset:
                return Transition(span.start, before.offset, span.offset)
        return None


@lru_cache(maxsize=4096)
def _spans(zone: Zone, block: int) -> tuple[Span, ...]:
    """The spans of one block; a sample in four days, then bisected to the second: no zone ever changed twice in six."""
    start, end = block * _BLOCK, (block + 1) * _BLOCK
    found, begin = [], start
    for change, offset in _changes(zone, start, end):
        found.append(Span(begin, change, offset))
        begin = change
    return tuple(found)


def _changes(zone: Zone, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where each span between start and end ends, and the offset in force until then."""
    low, before = start, zone.offset(min(start, _LAST))
    if end > _LAST:
        low = end
    while low < end:
        high = min(low + 4 * DAY, end)
        after = zone.offset(high - 1 if high == end else high)
        if after != before:
            yield _change(zone, low, high, before), before
        low, before = high, after
    yield end, before


def _change(zone: Zone, low: int, high: int, before: int) -> int:
    """First second in (low, high] whose offset is not ``before``."""
    while high - low > 1:
        middle = (low + high) // 2
        if zone.offset(middle) == before:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=1024)
def load(name: str) -> Zone:
    """The zone of an IANA name; raises ValueError for anything else, with the nearest name if one is near."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a time zone name{_nearest(name)}")
    resource = resources.files(tzdata).joinpath("zoneinfo", *name.split("/"))
    try:
        with resource.open("rb") as file:
            return Zone(name, ZoneInfo.from_file(file, key=name))
    except (OSError, ValueError) as error:
        raise ValueError(f"{name!r} is not in the tz database {VERSION}{_nearest(name)}") from error


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Every name of the database by its lower-case form, and every city by its own if only one zone has it."""
    names = resources.files(tzdata).joinpath("zones").read_text("utf-8").split()
    return {name.rpartition("/")[2].lower(): name for name in reversed(names)} | {name.lower(): name for name in names}


def _nearest(name: str) -> str:
    """`; the nearest name is Europe/Berlin`, or nothing."""
    plain = name.strip().replace(" ", "_").lower()[:64]
    near = get_close_matches(plain, _names(), n=1, cutoff=0.75)
    return f"; the nearest name is {_names()[near[0]]}" if near else ""
