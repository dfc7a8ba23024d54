"""What the user asks for."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from kronstream.domain.expression import MAX_LENGTH
from kronstream.resources.base import SHOWN_DEFAULT
from kronstream.resources.handler import Handler
from kronstream.resources.history import History
from kronstream.resources.keylimit import KeyLimit
from kronstream.resources.late import CatchUp
from kronstream.resources.overlap import Overlap
from kronstream.resources.payload import Payload
from kronstream.resources.retry import Retry
from kronstream.resources.rule import Rule, only_with
from kronstream.resources.scalars import AccountName, QueueName, Span, each_once
from kronstream.resources.timing import Timing


class Spec(Overlap, Timing):  # the fields of Timing come first
    """What runs and when. Durations are numbers with units: 1500ms, 90s, 2h30m, 1d."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *Timing.rules,
        *Overlap.rules,
        only_with(
            "ttl_after_finished_ms", ("run_at_ms",), "remove it (a job that repeats is never over) or write runAt"
        ),
    )

    suspend: Annotated[bool, Field(json_schema_extra=SHOWN_DEFAULT)] = False
    """Whether to hold the job. What comes due meanwhile is skipped for good; runs that were started go on."""
    suspend_after_failures: Annotated[int, Field(ge=1, le=1_000)] | None = None
    """Hold the job after this many runs in a row that failed, from 1 to 1000; an edit or a resume lets it go on."""
    starting_deadline_ms: Annotated[int, Span("1s", "366d")] | None = None
    """A run that has not started this long after it was due is skipped, from 1s to 366d. No deadline when left out."""
    catch_up: CatchUp = CatchUp()

    handler: Handler
    run_if: Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)] | None = None
    """Whether a run that is due or backfilled may start, as a CEL expression such as `last.status != "failed"` or
    `run.day <= 7`. One for which it is not true, or cannot be told, is skipped as Condition; a run that somebody asks
    for starts all the same. It knows job.namespace, job.name; run.id, run.trigger (schedule, backfill), run.nominal
    (when it was due) and, on the clock of timeZone, run.year, run.month, run.day, run.weekday (0 is Sunday), run.hour,
    run.minute; and of the run before last.status ("none" at first), last.startedAt, last.finishedAt, last.durationMs,
    last.message, last.consecutiveFailures.
    """
    payload: Payload | None = None
    """Any JSON, given to the handler: at most 64 KiB and 32 levels deep. kubectl apply drops nulls inside maps; use
    --server-side where they matter.
    """
    timeout_ms: Annotated[int, Span("100ms", "7d")] = 300_000
    """How long one attempt may take, from 100ms to 7d."""
    total_timeout_ms: Annotated[int, Span("100ms", "30d")] | None = None
    """How long all attempts of a run may take together, waits between them included, counted from the start of the
    first; from 100ms to 30d. Without it they may take what timeout and retry allow.
    """
    expected_within_ms: Annotated[int, Span("100ms", "7d")] | None = None
    """How long an attempt is expected to take, from 100ms to 7d. A run that takes longer goes on, but is marked slow in
    its record, counted in status.runs.slow, and told as an Event.
    """
    retry: Retry = Retry()
    max_deliveries: Annotated[int, Field(ge=1, le=100)] = 3
    """How often a run may end the process that it shares with other runs (an async function that crashes it, or blocks
    until it is killed) until it is dead and kept among the dead letters; from 1 to 100. Other failures do not count.
    """
    priority: Annotated[Literal["low", "medium", "high", "critical"], Field(json_schema_extra=SHOWN_DEFAULT)] = "medium"
    """Workers take waiting runs of a higher priority first. medium and low get a share all the same, beside anything
    but critical.
    """
    queue: Annotated[QueueName, Field(json_schema_extra=SHOWN_DEFAULT)] = "default"
    """The queue of the runs; the workers that serve it execute them."""
    limits: Annotated[
        tuple[KeyLimit, ...],
        Field(strict=False, max_length=4, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """How many runs that share a key, such as a customer, execute at a time or begin in a time; up to 4."""
    service_account_name: AccountName = "default"
    """The service account of this namespace whose rights decide which Secrets are read and which resources are made for
    the runs.
    """

    display_name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """A name for people; any text of up to 255 characters."""
    description: Annotated[str, Field(max_length=4_096)] | None = None
    """What the job is for."""
    tags: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=128)], ...],
        Field(strict=False, max_length=64, json_schema_extra={"x-kubernetes-list-type": "set"}),
        AfterValidator(each_once),
    ] = ()
    """Words to find the job by; each at most once."""
    platform_id: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """The platform or tenant the job belongs to; any text of up to 63 characters."""
    created_by: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """Who made the job; any text of up to 255 characters."""
    history: History = History()
    ttl_after_finished_ms: Annotated[int, Span("0s", "365d")] | None = None
    """Delete this job so long after its run is over, from 0s to 365d; only with runAt. A run that is retried puts it
    off; execution records stay as long as history says. Not for a job that is kept in Git: it would be made again.
    """
