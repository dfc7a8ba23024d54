"""How many runs there may be at a time: of one job, and of several."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kronstream.resources.base import SHOWN_DEFAULT, Part
from kronstream.resources.rule import Rule, Ruled, written
from kronstream.resources.scalars import GroupName


class ConcurrencyGroup(Part):
    """Jobs that share something which bears only so many runs at a time, such as a database: all jobs of this namespace
    that name the same group. A run that finds the group full is skipped with concurrencyPolicy Forbid, else it waits.
    """

    name: GroupName
    """The name that the jobs share."""
    max: Annotated[int, Field(ge=1, le=1_000)] = 1
    """How many runs of all these jobs there may be at a time, from 1 to 1000. Where the jobs differ, each goes by its
    own.
    """


class Overlap(Ruled):
    """How many runs there may be at a time."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.maxConcurrent) || (has(self.concurrencyPolicy) && self.concurrencyPolicy != 'Allow')",
            holds=lambda spec: not written(spec, "max_concurrent") or spec.concurrency_policy != "Allow",
            fault="is used only with Forbid, Replace or Queue",
            instead="Allow has no limit; write Forbid, Replace or Queue, or remove maxConcurrent",
            at=".maxConcurrent",
        ),
        Rule(
            cel="!has(self.maxQueued) || (has(self.concurrencyPolicy) && self.concurrencyPolicy == 'Queue')",
            holds=lambda spec: not written(spec, "max_queued") or spec.concurrency_policy == "Queue",
            fault="is used only with Queue",
            instead="write concurrencyPolicy: Queue, or remove maxQueued",
            at=".maxQueued",
        ),
    )

    concurrency_policy: Annotated[
        Literal["Allow", "Forbid", "Replace", "Queue"], Field(json_schema_extra=SHOWN_DEFAULT)
    ] = "Allow"
    """What happens to a new run when maxConcurrent runs of this job are not over: Allow starts it all the same, Forbid
    skips it, Replace cancels the oldest one and starts the new one when that has ended, Queue lets it wait its turn.
    It holds for every run: due, asked for, retried or backfilled.
    """
    max_concurrent: Annotated[int, Field(ge=1, le=1_000)] = 1
    """With Forbid, Replace or Queue, how many runs of this job there may be at a time, from 1 to 1000."""
    max_queued: Annotated[int, Field(ge=1, le=1_000)] = 100
    """With Queue, how many runs may wait their turn; further ones are skipped. From 1 to 1000."""
    concurrency_group: ConcurrencyGroup | None = None
    max_backlog: Annotated[int, Field(ge=1, le=10_000)] = 100
    """How many runs may wait for a worker; what comes due or is asked for beyond it is skipped, but not what an event
    causes. From 1 to 10000.
    """
