"""What a schedule leaves out: dates, ranges of dates, and the times of a cron expression, in the job's zone."""

from dataclasses import dataclass
from typing import Protocol

from kronstream.domain.schedule import Schedule, counted, said

# how many excluded stretches one search passes over before it says that nothing is left
STRETCHES = 2_000


class Exclusion(Protocol):
    """A set of instants, in milliseconds."""

    def end(self, instant: int) -> int | None:
        """The first instant after the given one that may be outside; None when the given one is outside already."""
        ...


@dataclass(frozen=True, slots=True)
class Excluding:
    """The instants of another schedule that no exclusion covers."""

    inner: Schedule
    exclusions: tuple[Exclusion, ...]

    @property
    def granule(self) -> int:
        """See Schedule."""
        return self.inner.granule

    def after(self, instant: int) -> int | None:
        """See Schedule."""
        at = self.inner.after(instant)
        for _ in range(STRETCHES):
            end = None if at is None else self._end(at)
            if end is None:
                return at
            at = self.inner.after(end - 1)
        return None

    def count(self, after: int, until: int, limit: int) -> tuple[int, bool]:
        """See Schedule."""
        return counted(self, after, until, limit)

    def why_none(self, after: int) -> str:
        """See Schedule."""
        if self.inner.after(after) is None:
            return self.inner.why_none(after)
        return f"every one of the next {STRETCHES} instants after {said(after)} is excluded"

    def _end(self, instant: int) -> int | None:
        return next((end for one in self.exclusions if (end := one.end(instant)) is not None), None)
