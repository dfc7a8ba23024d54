"""When a job runs: by a cron expression, at an interval, or once."""

from dataclasses import dataclass
from typing import Protocol

from kronstream.domain.cron import Cron


class Schedule(Protocol):
    """A set of due instants, in milliseconds since the epoch; no two are closer than ``granule`` milliseconds."""

    @property
    def granule(self) -> int:
        """The smallest distance between two instants."""
        ...

    def after(self, instant: int) -> int | None:
        """The first due instant strictly after the given one, or None."""
        ...

    def count(self, after: int, until: int, limit: int) -> tuple[int, bool]:
        """How many instants lie in (after, until], counted up to ``limit``; False when it stopped there."""
        ...


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """The instants of a cron expression."""

    cron: Cron

    @property
    def granule(self) -> int:
        """See Schedule."""
        return 60_000

    def after(self, instant: int) -> int | None:
        """See Schedule."""
        return self.cron.after(instant)

    def count(self, after: int, until: int, limit: int) -> tuple[int, bool]:
        """See Schedule."""
        number, at = 0, self.cron.after(after)
        while at is not None and at <= until:
            if number == limit:
                return number, False
            number += 1
            at = self.cron.after(at)
        return number, True


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
