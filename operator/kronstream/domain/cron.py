"""Cron expressions in a time zone.

croniter does the arithmetic of the wall clock, without a zone; what a wall-clock time means on the days when the
clocks change is decided here (RunAfter and First): a time that does not exist runs at the first instant after the gap,
a time that exists twice runs at its first pass. A schedule whose hour field is exactly ``*`` runs in elapsed time:
at every matching minute of both passes, with nothing added in a gap.
"""

from functools import lru_cache

from croniter import croniter
from croniter.croniter import CroniterError

from kronstream.domain.dst import Gap, Repeat
from kronstream.domain.zone import Zone, load

FIELDS = ("minute", "hour", "day of month", "month", "day of week")
MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_NAMES = dict(zip(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], range(7), strict=True)) | dict(
    zip(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], range(1, 13), strict=True)
)
# croniter gives up and says so when nothing matches within this span; 29 February is at most 8 years away
_YEARS = 12
_ERA_END = 253_370_764_800  # 9999-01-01: datetime ends soon after


class Cron:
    """A parsed expression in a zone. Equal texts give the same object (see ``parse``), so next runs are shared."""

    __slots__ = ("_croniter", "elapsed", "expression", "never", "seconds", "zone")

    def __init__(self, expression: str, zone: Zone, iterator: croniter) -> None:
        fields = expression.split()
        self.expression = expression
        self.zone = zone
        self.seconds = len(fields) == 6
        self.elapsed = fields[-4] == "*"
        self._croniter = iterator
        self.never = self.next_second(1_767_225_600) is None

    def after(self, instant: int) -> int | None:
        """First due instant strictly after ``instant`` (both milliseconds), None when there is none."""
        return _after(self, instant // 1000)

    def next_second(self, second: int) -> int | None:
        """As ``after``, in seconds and not memoised."""
        return self._next_elapsed(second) if self.elapsed else self._next_fixed(second)

    def _wall_after(self, wall: int) -> int | None:
        """The next matching wall-clock time strictly after the given one."""
        if wall >= _ERA_END:
            return None
        try:
            found = self._croniter.get_next(float, start_time=float(wall), update_current=False)
        except (CroniterError, OverflowError, ValueError):
            return None
        return int(found) if found < _ERA_END else None

    def _next_elapsed(self, second: int) -> int | None:
        start, offset = second, self.zone.offset(second)
        transition = self.zone.next_transition(second)
        while (wall := self._wall_after(start + offset)) is not None:
            if transition is None or wall - offset < transition.instant:
                return wall - offset
            # look again from the last second before the change, on the clock that is in force after it
            start, offset = transition.instant - 1, transition.after
            transition = self.zone.next_transition(transition.instant)
        return None

    def _next_fixed(self, second: int) -> int | None:
        wall: int | None = second + self.zone.offset(second)
        while wall is not None and (wall := self._wall_after(wall)) is not None:
            found = self._instant(wall)
            if found > second:
                return found
        return None

    def _instant(self, wall: int) -> int:
        """The instant of a wall-clock time: the first pass if there are two, the end of the gap if there is none."""
        # a day on either side holds every offset that can apply (the largest jump is a day, at the date line)
        early, late = self.zone.offset(wall - 86_400 * 2), self.zone.offset(wall + 86_400 * 2)
        if early == late and self.zone.offset(wall - early) == early:
            return wall - early
        candidates = [wall - offset for offset in {early, late} if self.zone.offset(wall - offset) == offset]
        if candidates:
            return min(candidates)
        transition = self.zone.next_transition(wall - max(early, late) - 1)
        return transition.instant if transition is not None else wall - late


@lru_cache(maxsize=131_072)
def _after(cron: Cron, second: int) -> int | None:
    found = cron.next_second(second)
    return None if found is None else found * 1000


@lru_cache(maxsize=65_536)
def parse(expression: str, zone: str = "UTC", gap: Gap = "RunAfter", repeat: Repeat = "First") -> Cron:  # noqa: ARG001
    """Parse a five-field expression or one of the @ names; raises ValueError with the fault and what to write.

    The zone is an IANA name and raises ValueError too; callers that must tell the two apart load the zone first.
    """
    text = " ".join(expression.split())
    if text.startswith("@"):
        text = _macro(text)
    fields = text.split()
    if len(fields) not in {5, 6}:
        number = f"{len(fields)} field" + "s" * (len(fields) != 1)
        raise ValueError(f"{expression!r} has {number}; write five: {', '.join(FIELDS)}")
    _refuse_unsupported(expression, fields[-5:])
    try:
        iterator = croniter(
            " ".join(map(_plain, fields)),
            0.0,
            ret_type=float,
            max_years_between_matches=_YEARS,
            second_at_beginning=True,
        )
    except (CroniterError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(
            _explain(expression, fields[-5:]) or f"{expression!r} is not a cron expression: {error}"
        ) from error
    return Cron(text, load(zone), iterator)


def resolve(expression: str, identity: str) -> str:  # noqa: ARG001
    """The text with single blanks; H is not replaced yet."""
    return " ".join(expression.split())


def _macro(text: str) -> str:
    if text.startswith("@every"):
        raise ValueError(f"{text!r} is not a cron expression; write `every: {text[6:].strip() or '90s'}` instead")
    if text.lower() not in MACROS:
        raise ValueError(f"{text!r} is not known; write one of {', '.join(MACROS)}, or five fields")
    return MACROS[text.lower()]


def _refuse_unsupported(expression: str, fields: list[str]) -> None:
    for name, field in zip(FIELDS, fields, strict=True):
        letters = {part.upper() for part in field.replace("-", ",").replace("/", ",").split(",")}
        if any(part[:1] in {"H", "R"} for part in letters):
            raise ValueError(
                f"{expression!r}: the {name} field {field!r} is not supported; write numbers, ranges or steps"
            )


def _plain(field: str) -> str:
    """The field without ranges from a value to itself: croniter takes 3-3 for the whole field."""
    parts = []
    for part in field.split(","):
        low, _, high = part.partition("/")[0].partition("-")
        parts.append(low if high and _number(low) == _number(high) else part)
    return ",".join(parts)


def _number(text: str) -> int | str:
    name = text.upper()
    return int(text) if text.isdecimal() else _NAMES.get(name, name)


def _explain(expression: str, fields: list[str]) -> str | None:
    """Which field is at fault, found by trying each alone; None when none is bad by itself."""
    for index, (name, field) in enumerate(zip(FIELDS, fields, strict=True)):
        alone = ["*"] * 5
        alone[index] = field
        try:
            croniter(" ".join(alone), 0.0)
        except (CroniterError, ValueError, KeyError, TypeError, IndexError):
            return f"{expression!r}: the {name} field {field!r} is not valid; write {_ALLOWED[index]}"
    return None


_ALLOWED = (
    "0-59, lists, ranges or steps such as */5",
    "0-23, lists, ranges or steps such as */2",
    "1-31, lists, ranges, steps or L for the last day",
    "1-12 or JAN-DEC, lists, ranges or steps",
    "0-7 (0 and 7 are Sunday) or SUN-SAT, lists, ranges or steps",
)
