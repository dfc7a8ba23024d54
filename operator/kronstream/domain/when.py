"""The when-fields of a job, normalised: the text that tells whether an edit changed when a job runs."""

import json
from dataclasses import asdict, dataclass

from kronstream.domain import cron, zone
from kronstream.domain.errors import Invalid
from kronstream.domain.schedule import CronSchedule, Every, Once, Schedule


@dataclass(frozen=True, slots=True)
class When:
    """Exactly one form is set; instants and intervals are milliseconds."""

    cron: str | None = None
    zone: str | None = None
    every: int | None = None
    anchor: int | None = None
    at: int | None = None

    @classmethod
    def of(
        cls,
        expression: str | None,
        time_zone: str | None,
        every: int | None,
        anchor: int | None,
        run_at: int | None,
        created: int,
    ) -> "When":
        """From the fields of a spec; an interval without an anchor counts from the job's creation."""
        if expression is not None:
            return cls(cron=" ".join(expression.split()), zone=time_zone or "UTC")
        if every is not None:
            return cls(every=every, anchor=created if anchor is None else anchor)
        return cls(at=run_at)

    def schedule(self) -> Schedule:
        """The instants; raises Invalid naming ``spec.schedule`` or ``spec.timeZone``."""
        if self.cron is not None:
            name = self.zone or "UTC"
            try:
                zone.load(name)
            except ValueError as fault:
                instead = "write a name of the tz database, like Europe/Berlin"
                raise Invalid("spec.timeZone", str(fault), instead) from None
            try:
                return CronSchedule(cron.parse(self.cron, name))
            except ValueError as fault:
                raise Invalid("spec.schedule", str(fault)) from None
        if self.every is not None:
            return Every(self.every, self.anchor or 0)
        if self.at is None:
            raise Invalid("spec", "says no time", "write one of schedule, every and runAt")
        return Once(self.at)

    def dump(self) -> str:
        """The normalised text; equal texts mean equal instants."""
        return json.dumps({key: value for key, value in asdict(self).items() if value is not None}, sort_keys=True)

    @classmethod
    def load(cls, text: str) -> "When":
        """Read a normalised text; raises ValueError for another."""
        try:
            return cls(**json.loads(text))
        except TypeError as error:
            raise ValueError(f"not a normalised when: {error}") from error
