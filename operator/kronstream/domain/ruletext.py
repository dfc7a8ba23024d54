"""The lines of a recurrence beside its rule: DTSTART, EXDATE and RDATE (RFC 5545), as times of the zone's clock."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from kronstream.domain import rule as rules
from kronstream.domain.rule import Rule
from kronstream.domain.zone import Zone

MAX_LENGTH = 1_000
_GROWTH = 20  # a normalised text may say a minute that was left out
DAY = 86_400
FIRST_YEAR, LAST_YEAR = 1970, 2199

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"([0-9]{8})(?:T([0-9]{6})(Z)?)?")
_FOLD = re.compile(r"\r?\n[ \t]")
_NAMES = ("DTSTART", "RRULE", "EXDATE", "RDATE")


class Lines(NamedTuple):
    """A recurrence as written. Times are seconds since 1970 on the zone's clock; ``days`` are whole excluded days,
    numbered from 1970. ``start`` is None without a DTSTART; ``last`` is the last second that UNTIL allows."""

    rule: Rule
    start: int | None
    last: int | None
    excluded: frozenset[int]
    days: frozenset[int]
    added: tuple[int, ...]

    @property
    def text(self) -> str:
        """The normalised text, without the start."""
        excluded = [f"{render(one)[:8]}" for one in (day * DAY for day in sorted(self.days))]
        excluded += map(render, sorted(self.excluded))
        added = [render(one) for one in self.added]
        lines = [("EXDATE", excluded), ("RDATE", added)]
        return "\n".join([self.rule.text, *(f"{name}:{','.join(times)}" for name, times in lines if times)])


def read(text: str, zone: Zone) -> Lines:
    """A rule alone, or lines of which one is the rule; raises ValueError with what is wrong and what to write."""
    if len(text) > MAX_LENGTH + _GROWTH:
        raise ValueError(f"the rrule has {len(text)} characters; write at most {MAX_LENGTH}")
    found: dict[str, list[tuple[int, bool]]] = {"DTSTART": [], "EXDATE": [], "RDATE": []}
    rule = None
    for line in filter(str.strip, _FOLD.sub("", text.strip()).splitlines()):
        name, parameters, value = _line(line.strip())
        if name != "RRULE":
            _check(name, parameters, zone)
            found[name] += [_time(name, one.strip(), zone) for one in value.upper().split(",")]
        elif rule is not None:
            raise ValueError("there are two rules; write one, and other times as RDATE lines or in another job")
        else:
            rule = rules.read(value)
    if rule is None:
        raise ValueError("there is no rule; write one like RRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0")
    if len(found["DTSTART"]) > 1:
        raise ValueError("there is more than one DTSTART; write one, and other times as RDATE lines")
    if any(whole for _, whole in found["RDATE"]):
        raise ValueError("an RDATE has no time; write one like RDATE:20261224T090000")
    return Lines(
        rule=rule,
        start=found["DTSTART"][0][0] if found["DTSTART"] else None,
        last=None if rule.until is None else _last(rule.until, zone),
        excluded=frozenset(wall for wall, whole in found["EXDATE"] if not whole),
        days=frozenset(wall // DAY for wall, whole in found["EXDATE"] if whole),
        added=tuple(sorted({wall for wall, _ in found["RDATE"]})),
    )


def render(wall: int) -> str:
    """A time of the clock as RFC 5545 writes it: 20260105T090000."""
    return (_EPOCH + timedelta(seconds=wall)).strftime("%Y%m%dT%H%M%S")


def parse(text: str) -> int:
    """The seconds since 1970 of what ``render`` wrote; raises ValueError for another text."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is not a time; write one like 20260105T090000")
    try:
        at = datetime.strptime(f"{found[1]}{found[2] or '000000'}+0000", "%Y%m%d%H%M%S%z")
    except ValueError:
        raise ValueError(f"{text!r} is no time of any calendar; write one like 20260105T090000") from None
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise ValueError(f"{text!r} is too far away; write a year from {FIRST_YEAR} to {LAST_YEAR}")
    return (at - _EPOCH) // timedelta(seconds=1)


def _line(line: str) -> tuple[str, list[str], str]:
    head, colon, value = line.partition(":")
    if not colon:
        head, value = "RRULE", line
    name, *parameters = head.split(";")
    name = name.strip().upper()
    if name == "EXRULE":
        raise ValueError("EXRULE is not supported; write an EXDATE line or the job's exclude")
    if name not in _NAMES or (name == "RRULE" and parameters):
        raise ValueError(f"the line {line[:40]!r} is not known; write lines that begin with {', '.join(_NAMES)}")
    return name, parameters, value


def _check(name: str, parameters: list[str], zone: Zone) -> None:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.upper() == "TZID":
            if value.strip('"') != zone.name:
                raise ValueError(
                    f"{name} names the zone {value[:40]}, the job {zone.name}; write timeZone: {value[:40]}"
                )
        elif parameter.upper() not in {"VALUE=DATE", "VALUE=DATE-TIME"}:
            raise ValueError(f"{name} has an unknown parameter {parameter[:40]!r}; write {name}:20260105T090000")


def _time(name: str, text: str, zone: Zone) -> tuple[int, bool]:
    """A time of the zone's clock, and whether it is a whole day."""
    try:
        found = parse(text)
    except ValueError as fault:
        raise ValueError(f"{name}: {fault}") from None
    if text.endswith("Z"):
        if name == "DTSTART" and zone.name not in {"UTC", "Etc/UTC"}:
            raise ValueError(
                f"DTSTART:{text} is in UTC, the rule is evaluated in {zone.name}; write the local time without Z, "
                f"DTSTART:{render(found + zone.offset(found))}"
            )
        return found + zone.offset(found), False
    return found, "T" not in text


def _last(text: str, zone: Zone) -> int:
    """The last second of an UNTIL: a day lasts until its end."""
    wall, whole = _time("UNTIL", text, zone)
    return wall + DAY - 1 if whole else wall
