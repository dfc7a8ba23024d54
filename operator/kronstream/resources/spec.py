"""What the user asks for."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from kronstream.resources.base import Part
from kronstream.resources.handler import Handler
from kronstream.resources.payload import Payload
from kronstream.resources.retry import Retry
from kronstream.resources.scalars import CronText, Instant, QueueName, Span, ZoneName, invalid, quoted

FORMS = ("schedule", "every", "runAt")
IN_CRD: JsonDict = {
    "x-kronstream-default": True
}  # the API server writes this default into the object, so that it is seen
_WRITE_ONE = "write one of schedule (like '*/5 * * * *'), every (like 90s) or runAt (like 2026-12-24T18:00:00Z)"
_KEEP_ONE = "keep one of schedule, every and runAt"
_NO_ZONE = "remove it (every is elapsed time, runAt carries its own offset) or write a schedule"
_NO_ANCHOR = "remove it or write every"


def _belongs(field: str, owner: str, instead: str) -> JsonDict:
    return {
        "rule": f"!has(self.{field}) || has(self.{owner})",
        "fieldPath": f".{field}",
        "message": f"is used only with {owner}; {instead}",
    }


def _each_once(tags: tuple[str, ...]) -> tuple[str, ...]:
    for index, tag in enumerate(tags):
        if tag in tags[:index]:
            raise invalid(f"{quoted(tag)} is there already", "write each tag once", at=f"[{index}]")
    return tags


class CatchUp(Part):
    """Which instants are made up for that passed while no operator could fire them.

    Instants of the last minute are late, not missed: all of them run. Instants that passed while the job was
    suspended, or that an edit took away, are never made up for.
    """

    policy: Literal["None", "Latest", "All"] = "Latest"
    """None runs no missed instant, Latest the last one, All every one within window and maxRuns."""
    window_ms: Annotated[int, Span("1s", "30d")] = 3_600_000
    """Instants that were missed longer ago than this are skipped, from 1s to 30d."""
    max_runs: Annotated[int, Field(ge=1, le=1_000)] = 100
    """With All, how many missed instants run at most, the newest ones; from 1 to 1000."""


class History(Part):
    """How long execution records are kept. They live in Redis, not in this resource."""

    successful: Annotated[int, Field(ge=0, le=10_000)] = 20
    """How many records of successful runs are kept, from 0 to 10000."""
    failed: Annotated[int, Field(ge=0, le=10_000)] = 20
    """How many records of runs that did not succeed are kept, from 0 to 10000."""
    max_age_ms: Annotated[int, Span("1m", "365d")] = 604_800_000
    """Records older than this are removed, from 1m to 365d."""


class Spec(Part):
    """What runs and when. Durations are numbers with units: 1500ms, 90s, 2h30m, 1d."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {"rule": " || ".join(f"has(self.{form})" for form in FORMS), "message": f"says no time; {_WRITE_ONE}"},
                {
                    "rule": f"[{', '.join(f'has(self.{form})' for form in FORMS)}].filter(x, x).size() <= 1",
                    "message": f"says more than one time; {_KEEP_ONE}",
                },
                _belongs("timeZone", "schedule", _NO_ZONE),
                _belongs("anchor", "every", _NO_ANCHOR),
            ]
        }
    )

    schedule: CronText | None = None
    """When to run, as a cron expression: minute hour day-of-month month day-of-week, such as `*/5 * * * *`, or one
    of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually. Exactly one of schedule, every and runAt.
    """
    time_zone: ZoneName | None = None
    """The zone of schedule, a name of the tz database such as Europe/Berlin. UTC when left out."""
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
    suspend: Annotated[bool, Field(json_schema_extra=IN_CRD)] = False
    """Whether to hold the job. What comes due meanwhile is skipped for good; runs that were started go on."""

    starting_deadline_ms: Annotated[int, Span("1s", "366d")] | None = None
    """A run that could not start this long after it was due is skipped, from 1s to 366d. No deadline when left out."""
    catch_up: CatchUp = CatchUp()
    """Which instants are made up for that passed while no operator could fire them."""
    max_backlog: Annotated[int, Field(ge=1, le=10_000)] = 100
    """How many runs may wait for a worker; what comes due beyond it is skipped. From 1 to 10000."""
    concurrency_policy: Annotated[Literal["Allow", "Forbid", "Replace"], Field(json_schema_extra=IN_CRD)] = "Allow"
    """What happens when a run comes due while another of this job is not over: Allow runs both, Forbid skips the
    new one, Replace cancels the old one first.
    """

    handler: Handler
    """What a run executes."""
    payload: Payload | None = None
    """Any JSON, given to the handler: at most 64 KiB and 32 levels deep. kubectl apply drops nulls inside maps; use
    --server-side where they matter.
    """
    timeout_ms: Annotated[int, Span("100ms", "7d")] = 300_000
    """How long one attempt may take, from 100ms to 7d."""
    retry: Retry = Retry()
    """What happens after a failed attempt."""
    priority: Annotated[Literal["low", "medium", "high", "critical"], Field(json_schema_extra=IN_CRD)] = "medium"
    """Workers take waiting runs of a higher priority first."""
    queue: Annotated[QueueName, Field(json_schema_extra=IN_CRD)] = "default"
    """The queue, and so the pool of workers, that executes the runs."""

    display_name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """A name for people; any text of up to 255 characters."""
    description: Annotated[str, Field(max_length=4_096)] | None = None
    """What the job is for."""
    tags: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=128)], ...],
        Field(strict=False, max_length=64, json_schema_extra={"x-kubernetes-list-type": "set"}),
        AfterValidator(_each_once),
    ] = ()
    """Words to find the job by; each at most once."""
    platform_id: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """The platform or tenant the job belongs to; any text of up to 63 characters."""
    created_by: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """Who made the job; any text of up to 255 characters."""
    history: History = History()
    """How long execution records are kept."""

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        given = (self.schedule is not None, self.every_ms is not None, self.run_at_ms is not None)
        if not any(given):
            raise invalid("says no time", _WRITE_ONE)
        if sum(given) > 1:
            named = " and ".join(form for form, there in zip(FORMS, given, strict=True) if there)
            raise invalid(f"says more than one time ({named})", _KEEP_ONE)
        if self.time_zone is not None and self.schedule is None:
            raise invalid("is used only with schedule", _NO_ZONE, at=".timeZone")
        if self.anchor_ms is not None and self.every_ms is None:
            raise invalid("is used only with every", _NO_ANCHOR, at=".anchor")
        return self
