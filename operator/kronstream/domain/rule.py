"""The text of a recurrence rule (RFC 5545, 3.3.10), read strictly: what it says, or what to write instead."""

import re
from dataclasses import dataclass

FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY")
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MAX_COUNT = 5_000
MAX_INTERVAL = 1_000_000

_NUMBER = re.compile(r"[+-]?[0-9]{1,7}")
_DAY = re.compile(rf"([+-]?[0-9]{{1,2}})?({'|'.join(WEEKDAYS)})")
# the parts that are lists of numbers: the field of Rule, the least and the greatest, and whether -1 is the last
_LISTS = {
    "BYSETPOS": ("positions", 1, 366, True),
    "BYMONTH": ("months", 1, 12, False),
    "BYWEEKNO": ("weeks", 1, 53, True),
    "BYYEARDAY": ("yeardays", 1, 366, True),
    "BYMONTHDAY": ("monthdays", 1, 31, True),
    "BYHOUR": ("hours", 0, 23, False),
    "BYMINUTE": ("minutes", 0, 59, False),
    "BYSECOND": ("seconds", 0, 59, False),
}
_PARTS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", *_LISTS)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as written; an empty list is a part that is not there.

    ``text`` is the normalised form. ``weekdays`` are (ordinal, weekday), 0 for no ordinal and 0-6 from Monday, as
    ``week_start`` is.
    """

    text: str
    frequency: str
    interval: int = 1
    count: int | None = None
    until: str | None = None
    week_start: int = 0
    weekdays: tuple[tuple[int, int], ...] = ()
    positions: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    weeks: tuple[int, ...] = ()
    yeardays: tuple[int, ...] = ()
    monthdays: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    seconds: tuple[int, ...] = ()

    @property
    def dated(self) -> bool:
        """Whether the rule itself says which days of a year, month or week."""
        return bool(self.weekdays or self.weeks or self.yeardays or self.monthdays)


def read(text: str) -> Rule:
    """The rule of ``FREQ=...;...``; raises ValueError with what is wrong and what to write."""
    parts = _parts(text)
    frequency = _frequency(parts)
    given: dict[str, tuple[int, ...]] = {
        field: _list(name, parts[name], least, greatest, both)
        for name, (field, least, greatest, both) in _LISTS.items()
        if name in parts
    }
    rule = Rule(
        text=";".join(f"{name}={parts[name]}" for name in _PARTS if name in parts),
        frequency=frequency,
        interval=_one("INTERVAL", parts.get("INTERVAL", "1"), MAX_INTERVAL),
        count=_one("COUNT", parts["COUNT"], MAX_COUNT) if "COUNT" in parts else None,
        until=parts.get("UNTIL"),
        week_start=_weekday(parts.get("WKST", "MO")),
        weekdays=tuple(_ordinal(one) for one in parts["BYDAY"].split(",")) if "BYDAY" in parts else (),
        **given,
    )
    fault = _fault(rule)
    if fault is not None:
        raise ValueError(fault)
    return rule


def _parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for pair in filter(None, "".join(text.upper().split()).split(";")):
        name, equals, value = pair.partition("=")
        if name not in _PARTS:
            raise ValueError(f"{pair[:40]!r} is no part of a rule; write some of {', '.join(_PARTS)}, like INTERVAL=2")
        if not equals or not value:
            raise ValueError(f"{name} has no value; write {name}=... or leave it out")
        if name in parts:
            raise ValueError(f"{name} is there twice; write it once, with a list like BYHOUR=9,17")
        parts[name] = value
    return parts


def _frequency(parts: dict[str, str]) -> str:
    frequency = parts.get("FREQ")
    if frequency is None:
        raise ValueError("the rule has no FREQ; write one like FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0")
    if frequency == "SECONDLY":
        raise ValueError(
            "FREQ=SECONDLY is not supported; write `every: 30s`, or a schedule of six fields like '*/30 * * * * *'"
        )
    if frequency not in FREQUENCIES:
        raise ValueError(f"FREQ={frequency[:40]} is not known; write one of {', '.join(FREQUENCIES)}")
    return frequency


def _list(name: str, text: str, least: int, greatest: int, both: bool) -> tuple[int, ...]:
    found = set()
    for one in text.split(","):
        number = int(one) if _NUMBER.fullmatch(one) else None
        if number is None or not least <= (abs(number) if both else number) <= greatest:
            signs = f", or -{greatest} to -{least} from the end" if both else ""
            raise ValueError(f"{name}={one[:40]} is not valid; write {least} to {greatest}{signs}")
        found.add(number)
    return tuple(sorted(found))


def _one(name: str, text: str, greatest: int) -> int:
    number = int(text) if _NUMBER.fullmatch(text) else 0
    if not 1 <= number <= greatest:
        more = "; for more, use UNTIL or endAfter" if name == "COUNT" else ""
        raise ValueError(f"{name}={text[:40]} is not valid; write 1 to {greatest}{more}")
    return number


def _weekday(text: str) -> int:
    if text not in WEEKDAYS:
        raise ValueError(f"WKST={text[:40]} is not a weekday; write one of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(text)


def _ordinal(text: str) -> tuple[int, int]:
    found = _DAY.fullmatch(text)
    number = int(found[1]) if found and found[1] else 0
    if found is None or abs(number) > 53 or (found[1] and not number):
        raise ValueError(f"BYDAY={text[:40]} is not valid; write MO to SU, or like 2MO and -1FR with an ordinal")
    return number, WEEKDAYS.index(found[2])


def _fault(rule: Rule) -> str | None:
    """What the parts of a rule say against each other (RFC 5545, 3.3.10)."""
    frequency = rule.frequency
    times = bool(rule.months or rule.hours or rule.minutes or rule.seconds)
    ordinals = any(number for number, _ in rule.weekdays)
    whole = f"does not go with FREQ={frequency}; write"
    faults = (
        (rule.count is not None and rule.until is not None, "COUNT and UNTIL are both there; write one of them"),
        (
            rule.positions and not (rule.dated or times),
            "BYSETPOS chooses from what other parts give; write one of them too, like BYDAY=MO,TU,WE,TH,FR",
        ),
        (rule.weeks and frequency != "YEARLY", f"BYWEEKNO {whole} it with FREQ=YEARLY"),
        (
            rule.weeks and not rule.weekdays,
            "BYWEEKNO does not say which day; write it with BYDAY, like BYWEEKNO=20;BYDAY=MO",
        ),
        (
            rule.yeardays and frequency in {"MONTHLY", "WEEKLY", "DAILY"},
            f"BYYEARDAY {whole} it with FREQ=YEARLY",
        ),
        (rule.monthdays and frequency == "WEEKLY", f"BYMONTHDAY {whole} it with FREQ=MONTHLY"),
        (
            ordinals and frequency not in {"YEARLY", "MONTHLY"},
            f"an ordinal in BYDAY {whole} weekdays like BYDAY=MO, or FREQ=MONTHLY",
        ),
        (ordinals and rule.weeks, "an ordinal in BYDAY does not go with BYWEEKNO; write weekdays like BYDAY=MO"),
    )
    return next((fault for wrong, fault in faults if wrong), None)
