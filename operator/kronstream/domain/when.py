"""The when-fields of a job, normalised: the text that tells whether an edit changed when a job runs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from kronstream.domain import cron, duration, exclusion, recurrence, zone
from kronstream.domain.dst import Gap, Repeat
from kronstream.domain.errors import Invalid
from kronstream.domain.schedule import CronSchedule, Every, Once, Schedule, Union, Within, said

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class When:
    """At most one form is set, none for a job that runs only when asked; instants and intervals are milliseconds."""

    cron: str | None = None
    crons: tuple[str, ...] = ()
    rrule: str | None = None
    start: str | None = None
    zone: str | None = None
    gap: Gap = "RunAfter"
    repeat: Repeat = "First"
    every: int | None = None
    anchor: int | None = None
    at: int | None = None
    not_before: int | None = None
    not_after: int | None = None
    exclude: tuple[str, ...] = ()
    end_runs: int | None = None
    end_successes: int | None = None
    # where a person wrote what is sorted above, for messages only: (text, field)
    written: tuple[tuple[str, str], ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def of(
        cls,
        *,
        identity: str,
        created: int,
        schedule: str | None = None,
        schedules: Sequence[str] = (),
        time_zone: str | None = None,
        gap: Gap = "RunAfter",
        repeat: Repeat = "First",
        rrule: str | None = None,
        every: int | None = None,
        anchor: int | None = None,
        run_at: int | None = None,
        not_before: int | None = None,
        not_after: int | None = None,
        exclude: Sequence[str] = (),
        end_runs: int | None = None,
        end_successes: int | None = None,
    ) -> "When":
        """From the fields of a spec; an interval or a rule without an anchor counts from the job's creation.

        Raises Invalid for an ``H`` that cannot be read.
        """
        asked = [(f"spec.schedules[{index}]", text) for index, text in enumerate(schedules)]
        if schedule is not None:
            asked.append(("spec.schedule", schedule))
        listed = [(_read(path, lambda one: cron.resolve(one, identity), text), path) for path, text in asked]
        crons = sorted({text for text, _ in listed})
        excluded = [(_plain(text), f"spec.exclude[{index}]") for index, text in enumerate(exclude)]
        if every is not None and anchor is None:
            anchor = created
        walls, start = bool(crons or rrule is not None), None
        if rrule is not None:
            rrule, start = _anchored(rrule, time_zone or "UTC", created)
        return cls(
            cron=crons[0] if len(crons) == 1 else None,
            crons=tuple(crons) if len(crons) > 1 else (),
            rrule=rrule,
            start=start,
            zone=time_zone or "UTC" if walls or excluded else None,
            gap=gap if walls else "RunAfter",
            repeat=repeat if walls else "First",
            every=every,
            anchor=anchor,
            at=run_at,
            not_before=not_before,
            not_after=not_after,
            exclude=tuple(sorted({text for text, _ in excluded})),
            end_runs=end_runs,
            end_successes=end_successes,
            written=tuple(dict([*reversed(excluded), *reversed(listed)]).items()),
        )

    @property
    def text(self) -> str:
        """The form as a person reads it in a status."""
        if self.rrule is not None:
            return self.rrule.replace("\n", " ")
        if self.every is not None:
            return duration.render(self.every)
        if self.at is not None:
            return said(self.at)
        return "; ".join(self.crons or (self.cron or "on demand",))

    def schedule(self) -> Schedule | None:
        """The instants, None for a job that runs only when asked; raises Invalid naming the field at fault."""
        if self.zone is not None:
            _read("spec.timeZone", zone.load, self.zone, instead="write a name of the tz database, like Europe/Berlin")
        found = self._form()
        if self.not_before is not None and self.not_after is not None and self.not_after <= self.not_before:
            fault = f"{said(self.not_after)} is not later than notBefore, {said(self.not_before)}"
            raise Invalid("spec.notAfter", fault, "write a notAfter that is later than notBefore")
        for text in self.exclude:
            _read(dict(self.written).get(text, "spec.exclude"), exclusion.parse, text)
        if found is not None and (self.not_before is not None or self.not_after is not None):
            found = Within(found, self.not_before, self.not_after)
        return exclusion.excluding(found, self.exclude, self.zone or "UTC") if found and self.exclude else found

    def _form(self) -> Schedule | None:
        if self.cron is not None:
            return self._cron(self.cron, "spec.schedule")
        if self.crons:
            return Union(tuple(self._cron(text, "spec.schedules") for text in self.crons))
        if self.rrule is not None:
            start, name, gap, repeat = self.start or "", self.zone or "UTC", self.gap, self.repeat
            return _read("spec.rrule", lambda text: recurrence.parse(text, start, name, gap, repeat), self.rrule)
        if self.every is not None:
            return Every(self.every, self.anchor or 0)
        return None if self.at is None else Once(self.at)

    def _cron(self, text: str, path: str) -> CronSchedule:
        name, gap, repeat = self.zone or "UTC", self.gap, self.repeat
        found = _read(dict(self.written).get(text, path), lambda one: cron.parse(one, name, gap, repeat), text)
        return CronSchedule(found)

    def dump(self) -> str:
        """The normalised text; equal texts mean equal instants."""
        stored = {key: value for key, value in asdict(self).items() if key != "written" and value != _DEFAULTS[key]}
        return json.dumps(stored, sort_keys=True)

    @classmethod
    def load(cls, text: str) -> "When":
        """Read a normalised text; raises ValueError for another."""
        raw = json.loads(text)
        if not isinstance(raw, dict) or not raw.keys() <= _DEFAULTS.keys() - {"written"}:
            raise ValueError(f"not a normalised when: {text[:200]}")
        given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
        return cls(**given)


_DEFAULTS = {one.name: one.default for one in fields(When)}


def _anchored(text: str, name: str, created: int) -> tuple[str, str | None]:
    """The rule and its start; as it is when it cannot be read: ``schedule`` says why."""
    try:
        return recurrence.anchored(text, name, created)
    except ValueError:
        return text, None


def _plain(text: str) -> str:
    return " ".join(text.split())


def _read(path: str, read: Callable[[str], Read], text: str, instead: str = "") -> Read:
    try:
        return read(text)
    except ValueError as fault:
        raise Invalid(path, str(fault), instead) from None
