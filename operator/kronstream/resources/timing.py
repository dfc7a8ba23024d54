"""The fields that say when a job runs."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from kronstream.domain import duration
from kronstream.domain.when import When
from kronstream.resources import instant
from kronstream.resources.dst import Dst
from kronstream.resources.end import EndAfter
from kronstream.resources.expressions import CronText, Exclusion, RuleText, ZoneName
from kronstream.resources.rule import Rule, Ruled, listed, only_with, written
from kronstream.resources.scalars import Instant, Span, cel_is_duration, cel_ms, each_once

FORMS = {"schedule": "schedule", "schedules": "schedules", "rrule": "rrule", "every_ms": "every", "run_at_ms": "runAt"}
_LOCAL = ("schedule", "schedules", "rrule")  # at a time of day
_REPEATING = (*_LOCAL, "every_ms")
_HAS = ", ".join(f"has(self.{form})" for form in FORMS.values())
_NO_LIMITS = "remove it (runAt is one instant) or write one of them"
# days that some months or years lack: CEL could not read them, so they are left to the operator
_MAYBE_NO_DAY = "'-(02-29|02-3.|(04|06|09|11)-31)T'"


def _readable(path: str) -> str:
    return f"{path}.matches(r'^{instant.PATTERN}$') && !{path}.matches({_MAYBE_NO_DAY})"


class Timing(Ruled):
    """When a job runs."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"[{_HAS}].filter(x, x).size() <= 1",
            holds=lambda spec: len(spec.forms) <= 1,
            fault="says more than one time",
            instead=f"keep one of {listed(FORMS.values(), 'and')}",
            detail=lambda spec: " and ".join(spec.forms),
        ),
        only_with(
            "time_zone",
            (*_LOCAL, "exclude", "run_if"),
            "remove it (every is elapsed time, runAt carries its own offset) or write a schedule",
        ),
        only_with("dst", _LOCAL, "remove it (every is elapsed time, runAt is one instant) or write a schedule"),
        only_with("anchor_ms", ("every_ms",), "remove it or write every"),
        only_with("not_before_ms", _REPEATING, _NO_LIMITS),
        only_with("not_after_ms", _REPEATING, _NO_LIMITS),
        only_with("exclude", _REPEATING, _NO_LIMITS),
        only_with("jitter_ms", _REPEATING, _NO_LIMITS),
        Rule(
            cel="!has(self.notBefore) || !has(self.notAfter) || "
            f"!({_readable('self.notBefore')} && {_readable('self.notAfter')}) || "
            "timestamp(self.notBefore) < timestamp(self.notAfter)",
            holds=lambda spec: (
                spec.not_before_ms is None or spec.not_after_ms is None or spec.not_before_ms < spec.not_after_ms
            ),
            fault="is not later than notBefore",
            instead="write a notAfter that is later than notBefore",
            at=".notAfter",
        ),
        Rule(
            cel="!has(self.jitter) || !has(self.every) || "
            f"!{cel_is_duration('self.jitter')} || !{cel_is_duration('self.every')} || "
            f"{cel_ms('self.jitter')} <= {cel_ms('self.every')}",
            holds=lambda spec: spec.every_ms is None or spec.jitter_ms is None or spec.jitter_ms <= spec.every_ms,
            fault="is longer than every",
            instead="write at most what every says",
            at=".jitter",
            detail=lambda spec: f"{duration.render(spec.jitter_ms)} and {duration.render(spec.every_ms)}",
        ),
        Rule(
            cel="!has(self.endAfter) || !has(self.runAt)",
            holds=lambda spec: spec.end_after is None or spec.run_at_ms is None,
            fault="is not used with runAt",
            instead="remove it: runAt runs once",
            at=".endAfter",
        ),
    )

    schedule: CronText | None = None
    """When to run, as a cron expression: minute hour day-of-month month day-of-week, such as `*/5 * * * *`, six fields
    with seconds first, or one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually. A field may hold
    `*`, numbers, ranges (1-5), lists (1,15), steps (*/10) and names (JAN, MON; 0 and 7 are Sunday); L in day-of-month
    is the last day, MON#1 the first Monday. H stands for a number that is this job's own and always the same, H(0-29)
    for one in a range, so that many jobs do not all start at once: status.schedule shows it. When day-of-month and
    day-of-week are both restricted, either is enough.

    At most one of schedule, schedules, rrule, every and runAt is written; a job with none runs only when asked to.
    """
    schedules: Annotated[
        tuple[CronText, ...],
        Field(strict=False, min_length=1, max_length=16, json_schema_extra={"x-kubernetes-list-type": "set"}),
        AfterValidator(each_once),
    ] = ()
    """Several cron expressions, up to 16: the job runs whenever one of them is due, once where they meet. Each is
    written as in schedule.
    """
    rrule: RuleText | None = None
    """When to run, as a recurrence rule of RFC 5545, for what cron cannot say, such as every second Monday at 9:
    `FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;BYHOUR=9`. DTSTART (which INTERVAL counts from), EXDATE and RDATE may stand on
    lines of their own, the rule then after `RRULE:`; their times are local in timeZone. Without DTSTART it counts from
    the first whole minute after the creation of this resource.
    """
    time_zone: ZoneName | None = None
    """The zone of schedule, schedules and rrule, of the days in exclude and of the clock in runIf: a name of the tz
    database such as Europe/Berlin. UTC when left out.
    """
    dst: Dst = Dst()
    every_ms: Annotated[int, Span("1s", "366d")] | None = None
    """Run at a fixed interval of elapsed time, counted from anchor, from 1s to 366d."""
    anchor_ms: Instant | None = None
    """The instant every is counted from, such as 2026-12-24T00:00:00Z; the first run when it lies ahead. The
    creation of this resource when left out.
    """
    run_at_ms: Instant | None = None
    """Run once, at this instant, such as 2026-12-24T18:00:00Z. A late start is still made unless startingDeadline
    forbids it.
    """
    not_before_ms: Instant | None = None
    """Nothing is due before this instant, such as 2026-12-01T00:00:00Z; an instant that falls on it is."""
    not_after_ms: Instant | None = None
    """Nothing is due after this instant, such as 2027-01-01T00:00:00+01:00; an instant that falls on it is."""
    exclude: Annotated[
        tuple[Exclusion, ...],
        Field(strict=False, max_length=64, json_schema_extra={"x-kubernetes-list-type": "set"}),
        AfterValidator(each_once),
    ] = ()
    """When not to run, up to 64 of: a day (2026-12-24), a range of days with both included (2026-12-24/2027-01-02), or
    a cron expression (`* 0-6 * * *` is the night, `* * * * SAT,SUN` the weekend): five fields leave out whole minutes,
    six fields seconds. Days and times are those of timeZone.
    """
    jitter_ms: Annotated[int, Span("0s", "1d")] | None = None
    """Start each run up to this much later than it is due, from 0s to 1d, so that jobs due together do not start
    together. How much is always the same for the same job and instant, and never reaches the instant due next; the
    time the run is known by stays the one it was due at.
    """
    end_after: EndAfter | None = None

    @property
    def forms(self) -> tuple[str, ...]:
        """The fields that say when, by their names in YAML; at most one in a good spec."""
        return tuple(name for attribute, name in FORMS.items() if written(self, attribute))

    def when(self, created_ms: int, identity: str) -> When:
        """The normalised when of the job created then; `identity` is `namespace/name`, which H is taken from.

        Raises Invalid for an H that cannot be resolved.
        """
        end = self.end_after
        return When.of(
            identity=identity,
            created=created_ms,
            schedule=self.schedule,
            schedules=self.schedules,
            time_zone=self.time_zone,
            gap=self.dst.gap,
            repeat=self.dst.repeat,
            rrule=self.rrule,
            every=self.every_ms,
            anchor=self.anchor_ms,
            run_at=self.run_at_ms,
            not_before=self.not_before_ms,
            not_after=self.not_after_ms,
            exclude=self.exclude,
            end_runs=end.runs if end else None,
            end_successes=end.successes if end else None,
        )
