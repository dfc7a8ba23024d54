"""When a job runs: by a cron expression, at an interval, or once; several of them together, and within limits."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from kronstream.domain.cron import Cron

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FEBRUARY = 2


class Schedule(Protocol):
    """A set of due instants, in milliseconds since the epoch; no two are closer than ``granule`` milliseconds."""

    @property
    def granule(self) -> int:
        """A distance that no two instants fall below."""
        ...

    def after(self, instant: int) -> int | None:
        """The first due instant strictly after the given one, or None."""
        ...

    def count(self, after: int, until: int, limit: int) -> tuple[int, bool]:
        """How many instants lie in (after, until], counted up to ``limit``; False when it stopped there."""
        ...

    def why_none(self, after: int) -> str:
        """Why there is no instant after the given one; to be asked only when there is none."""
        ...


def counted(schedule: Schedule, after: int, until: int, limit: int) -> tuple[int, bool]:
    """``Schedule.count`` one by one, for schedules that know no shorter way."""
    number, at = 0, schedule.after(after)
    while at is not None and at <= until:
        if number == limit:
            return number, False
        number += 1
        at = schedule.after(at)
    return number, True


def said(instant: int) -> str:
    """An instant as people read it, to the second: 2026-12-24T18:00:00Z; what no calendar holds stays a number."""
    try:
        return (_EPOCH + timedelta(seconds=instant // 1000)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{instant} ms"


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """The instants of a cron expression."""

    cron: Cron

    @property
    def granule(self) -> int:
        """See Schedule."""
        return 1_000 if self.cron.seconds else 60_000

    def after(self, instant: int) -> int | None:
        """See Schedule."""
        return self.cron.after(instant)

    def count(self, after: int, until: int, limit: int) -> tuple[int, bool]:
        """See Schedule."""
        return counted(self, after, until, limit)

    def why_none(self, after: int) -> str:
        """See Schedule."""
        text = self.cron.expression
        if not self.cron.never:
            return f"{text!r} has no instant within 100 years of {said(after)}"
        days, months = text.split()[-3:-1]
        return f"{text!r} never comes: no day matches day of month {days} in month {months}"


@dataclass(frozen=True, slots=True)
class Every:
    """``anchor`` and every ``interval`` milliseconds after it."""

    interval: int
    anchor: int

    @property
    def granule(self) -> int:
        """See Schedule."""
        return self.interval

    def after(self, instant: int) -> int | None:
        """See Schedule."""
        if instant < self.anchor:
            return self.anchor
        return self.anchor + ((instant - self.anchor) // self.interval + 1) * self.interval

    def count(self, after: int, until: int, limit: int) -> tuple[int, bool]:  # noqa: ARG002 arithmetic has no limit
        """See Schedule; always exact."""
        first = self.after(after)
        return (0 if first is None or until < first else (until - first) // self.interval + 1), True

    def why_none(self, after: int) -> str:
        """See Schedule; never asked, for an interval does not end."""
        return f"an interval goes on after {said(after)}"


@dataclass(frozen=True, slots=True)
class Once:
    """One instant."""

    at: int

    @property
    def granule(self) -> int:
        """See Schedule."""
        return 1

    def after(self, instant: int) -> int | None:
        """See Schedule."""
        return self.at if self.at > instant else None

    def count(self, after: int, until: int, limit: int) -> tuple[int, bool]:  # noqa: ARG002 there is only one
        """See Schedule; always exact."""
        return int(after < self.at <= until), True

    def why_none(self, after: int) -> str:  # noqa: ARG002 there is only one
        """See Schedule."""
        return f"its one instant, {said(self.at)}, has passed"


@dataclass(frozen=True, slots=True)
class Union:
    """The instants of all parts; where parts meet there is one."""

    parts: tuple[Schedule, ...]

    @property
    def granule(self) -> int:
        """See Schedule: cron expressions share the grid of whole seconds or minutes, anything else may come close."""
        shared = all(isinstance(part, CronSchedule) for part in self.parts)
        return min(part.granule for part in self.parts) if shared else 1

    def after(self, instant: int) -> int | None:
        """See Schedule."""
        return min(_there(part.after(instant) for part in self.parts), default=None)

    def count(self, after: int, until: int, limit: int) -> tuple[int, bool]:
        """See Schedule."""
        return counted(self, after, until, limit)

    def why_none(self, after: int) -> str:
        """See Schedule: the reason of every part, each once."""
        return "; ".join(dict.fromkeys(part.why_none(after) for part in self.parts))


def _there(instants: Iterable[int | None]) -> Iterable[int]:
    return (at for at in instants if at is not None)


@dataclass(frozen=True, slots=True)
class Within:
    """The instants of another schedule from ``not_before`` to ``not_after``, both included."""

    inner: Schedule
    not_before: int | None = None
    not_after: int | None = None

    @property
    def granule(self) -> int:
        """See Schedule."""
        return self.inner.granule

    def after(self, instant: int) -> int | None:
        """See Schedule."""
        found = self.inner.after(self._from(instant))
        return None if found is not None and self.not_after is not None and found > self.not_after else found

    def count(self, after: int, until: int, limit: int) -> tuple[int, bool]:
        """See Schedule."""
        return self.inner.count(
            self._from(after), until if self.not_after is None else min(until, self.not_after), limit
        )

    def why_none(self, after: int) -> str:
        """See Schedule."""
        start = self._from(after)
        following = self.inner.after(start)
        if following is None or self.not_after is None:
            return self.inner.why_none(start)
        if after >= self.not_after:
            return f"notAfter, {said(self.not_after)}, has passed"
        return f"the next instant, {said(following)}, is later than notAfter, {said(self.not_after)}"

    def _from(self, instant: int) -> int:
        return instant if self.not_before is None else max(instant, self.not_before - 1)
