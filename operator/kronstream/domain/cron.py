"""Cron expressions in a time zone.

Five fields (minute, hour, day of month, month, day of week) or six with seconds first. A schedule whose hour field is
exactly ``*`` runs in elapsed time: at every matching minute of both passes of a repeated hour, with nothing added in a
gap. Any other names times of day, and ``gap`` and ``repeat`` say what happens to those that do not exist or exist
twice. Day of month and day of week: either is enough when both are restricted; a field that begins with ``*`` is not.
"""

import re
from collections.abc import Callable
from functools import lru_cache, partial

from kronstream.domain import dst, hashed
from kronstream.domain.dst import Gap, Repeat
from kronstream.domain.fields import FIVE, SIX, Field, quoted, read, wall
from kronstream.domain.wall import Wall
from kronstream.domain.zone import Zone, load

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
# seconds within which there are dates: of years 5 to 9990
_ERA = (-62_000_000_000, 253_086_681_600)
_ZONE = re.compile(r"(?:CRON_)?TZ=(\S*)")
# what joins values inside a field, and what stands on the two sides of a blank that tore one
_JOINTS = ",-/"
# more fields than this were never five
_MOST = 20
_TORN = re.compile(rf"[{_JOINTS}][A-Za-z0-9]|[*A-Za-z0-9][{_JOINTS}]")


class Cron:
    """A parsed expression in a zone. Equal texts give the same object (see ``parse``), so next runs are shared.

    ``seconds``: the expression has six fields. ``elapsed``: its hour field is exactly ``*``. ``never``: no day of the
    next 100 years matches it. ``gap`` and ``repeat`` as given, without effect on elapsed time.
    """

    __slots__ = ("_wall", "elapsed", "expression", "gap", "never", "repeat", "seconds", "zone")

    def __init__(self, expression: str, zone: Zone, gap: Gap, repeat: Repeat) -> None:
        self._wall = _read(expression)
        fields = expression.split()
        self.expression = expression
        self.zone = zone
        self.gap: Gap = gap
        self.repeat: Repeat = repeat
        self.seconds = len(fields) == len(SIX)
        self.elapsed = fields[-4] == "*"
        self.never = self._wall.never

    def after(self, instant: int) -> int | None:
        """First due instant strictly after ``instant`` (both milliseconds), None when 100 years have none."""
        return _after(self, instant // 1000)

    def next_second(self, second: int) -> int | None:
        """As ``after``, in seconds and not memoised."""
        begin, end = _ERA
        if second >= end:
            return None
        if self.elapsed:
            return dst.following(self._wall, self.zone, max(second, begin), "Skip", "Both")
        return dst.following(self._wall, self.zone, max(second, begin), self.gap, self.repeat)

    def until(self, second: int) -> int:
        """The end of the stretch that holds a matching second of a clock without a zone, its day's end at the latest.

        Five fields match whole minutes.
        """
        return self._wall.until(second, whole=not self.seconds)


@lru_cache(maxsize=131_072)
def _after(cron: Cron, second: int) -> int | None:
    found = cron.next_second(second)
    return None if found is None else found * 1000


@lru_cache(maxsize=65_536)
def parse(expression: str, zone: str = "UTC", gap: Gap = "RunAfter", repeat: Repeat = "First") -> Cron:
    """Parse five or six fields or one of the @ names; raises ValueError with the fault and what to write.

    An expression that never matches is taken (``Cron.never``). The zone is an IANA name and raises ValueError too;
    callers that must tell the two apart load the zone first.
    """
    return Cron(_written_out(" ".join(expression.split())), load(zone), gap, repeat)


def resolve(expression: str, identity: str) -> str:
    """The text with single blanks and every H replaced by a number made from ``identity`` (namespace/name) and field.

    Names such as @daily stay as they are, and so does what is wrong: ``parse`` says it. Raises ValueError for an H
    that cannot be resolved.
    """
    fields = expression.split()
    if any(map(hashed.is_hashed, fields)):
        fields = _each(fields, partial(hashed.resolve, identity))
    return " ".join(fields)


@lru_cache(maxsize=65_536)
def _read(text: str) -> Wall:
    fields = text.split()
    words = _each(fields, read)
    if len(fields) == len(FIVE):
        fields, words = ["0", *fields], ["0", *words]
    try:
        return wall(fields, words)
    except ValueError as error:
        raise ValueError(f"{quoted(text)} is not a cron expression: {error}") from error


def _written_out(text: str) -> str:
    """The expression that an @ name stands for."""
    if text[:6].lower() == "@every":
        interval = text[6:].strip() or "90s"
        raise ValueError(f"{quoted(text)} is not a cron expression; write `every: {interval}` instead")
    if text.startswith("@") and text.lower() not in MACROS:
        raise ValueError(f"{quoted(text)} is not known; write one of {', '.join(MACROS)}, or five fields")
    if zoned := _ZONE.match(text):
        raise ValueError(f"{quoted(text)} names its zone; write `timeZone: {zoned[1]}` and the fields alone")
    return MACROS.get(text.lower(), text)


def _each(fields: list[str], change: Callable[[Field, str], str]) -> list[str]:
    """The fields, each changed; raises ValueError with the one at fault."""
    text = quoted(" ".join(fields))
    kinds = SIX if len(fields) == len(SIX) else FIVE
    if len(fields) == len(SIX):
        reading = ", ".join(f"{kind.name} {quoted(field)}" for kind, field in zip(SIX, fields, strict=True))
        text += f" has six fields and reads as {reading}"
    elif len(fields) != len(FIVE):
        text += f" has {len(fields)} field" + "s" * (len(fields) != 1)
    if torn := _torn(fields):
        raise ValueError(f"{text}; a field must not hold blanks: write {quoted(torn)}")
    if len(fields) != len(kinds):
        names = ", ".join(kind.name for kind in FIVE)
        raise ValueError(f"{text}; write five: {names}; or six with seconds before them")
    found = []
    for kind, field in zip(kinds, fields, strict=True):
        try:
            found.append(change(kind, field))
        except ValueError as fault:
            raise ValueError(f"{text}: the {kind.name} field {quoted(field)} is not valid: {fault}") from None
    return found


def _torn(fields: list[str]) -> str | None:
    """What was one field before blanks made several of it, None when there is no such place."""
    if not len(FIVE) < len(fields) <= _MOST:
        return None
    for index, field in enumerate(fields):
        whole = field
        for other in fields[index + 1 :]:
            if not _TORN.fullmatch(whole[-1] + other[0]):
                break
            whole += other
        if whole != field and whole[-1] not in _JOINTS:
            return whole
    return None
