"""Time zones from the tz database that the package depends on, and their transitions.

The system's own database is not asked: a plan names the database version it was made with, and two replicas with
different images must agree.
"""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import resources
from typing import NamedTuple
from zoneinfo import ZoneInfo

import tzdata

VERSION: str = tzdata.IANA_VERSION
DAY = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_LAST = 9990


class Transition(NamedTuple):
    """At ``instant`` (UTC seconds) the offset from UTC changes from ``before`` to ``after`` (seconds)."""

    instant: int
    before: int
    after: int


class Zone:
    """One IANA zone; instants and offsets are whole seconds, wall-clock times seconds since 1970 without a zone."""

    __slots__ = ("_info", "name")

    def __init__(self, name: str, info: ZoneInfo) -> None:
        self.name = name
        self._info = info

    def offset(self, instant: int) -> int:
        """Seconds east of UTC in force at the instant."""
        moment = (_EPOCH + timedelta(seconds=instant)).astimezone(self._info)
        delta = moment.utcoffset()
        return int(delta.total_seconds()) if delta is not None else 0

    def next_transition(self, instant: int) -> Transition | None:
        """The first transition after the instant, looked for in this year and the next."""
        year = datetime.fromtimestamp(instant, UTC).year
        for candidate in (year, year + 1):
            transitions = _transitions(self, candidate)
            at = bisect_right(transitions, instant, key=lambda transition: transition.instant)
            if at < len(transitions):
                return transitions[at]
        return None


@lru_cache(maxsize=4096)
def _transitions(zone: Zone, year: int) -> tuple[Transition, ...]:
    """Every transition of one UTC year; daily samples, then bisected to the second."""
    if year > _YEAR_LAST:
        return ()
    start = int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) - 1
    end = int(datetime(year + 1, 1, 1, tzinfo=UTC).timestamp()) - 1
    found = []
    low, before = start, zone.offset(start)
    while low < end:
        high = min(low + DAY, end)
        after = zone.offset(high)
        if after != before:
            found.append(Transition(_change(zone, low, high, before), before, after))
        low, before = high, after
    return tuple(found)


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
    """The zone of an IANA name; raises ValueError for anything else."""
    parts = name.split("/")
    if not name or not all(
        part and part.replace("_", "a").replace("-", "a").replace("+", "a").isalnum() for part in parts
    ):
        raise ValueError(f"{name!r} is not a time zone name")
    resource = resources.files(tzdata).joinpath("zoneinfo", *parts)
    try:
        with resource.open("rb") as file:
            return Zone(name, ZoneInfo.from_file(file, key=name))
    except (OSError, ValueError) as error:
        raise ValueError(f"{name!r} is not in the tz database {VERSION}") from error
