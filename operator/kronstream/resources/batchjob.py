"""The handler type `job`: a batch/v1 Job for each attempt."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from kronstream.resources.base import Part
from kronstream.resources.rule import Rule, Ruled, written
from kronstream.resources.scalars import Span
from kronstream.resources.template import JobTemplate

KEPT = Span("0s", "30d")


class DeleteAfter(Part):
    """How long a finished Job is kept, with its Pods and their logs."""

    succeeded_ms: Annotated[int, KEPT] = 300_000
    """After a success, from 0s to 30d."""
    failed_ms: Annotated[int, KEPT] = 3_600_000
    """After a failure, from 0s to 30d."""


class BatchJob(Ruled):
    """A batch/v1 Job, made for each attempt in the namespace of the ScheduledJob."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.deleteAfter) || !has(self.template.spec) || "
            "!has(self.template.spec.ttlSecondsAfterFinished)",
            holds=lambda job: (
                not written(job, "delete_after") or job.template["spec"].get("ttlSecondsAfterFinished") is None
            ),
            fault="is written beside the template's ttlSecondsAfterFinished",
            instead="write one of the two",
            at=".deleteAfter",
        ),
    )

    template: JobTemplate
    """The Job: metadata (labels and annotations) and spec, as in a CronJob's jobTemplate; at most 64 KiB. Where it does
    not say otherwise, backoffLimit is 0 (kronstream tries again), restartPolicy is Never, and the Pods'
    serviceAccountName is the one of this spec. Every container gets KRONSTREAM_RUN_ID, KRONSTREAM_NOMINAL_TIME,
    KRONSTREAM_ATTEMPT and KRONSTREAM_PAYLOAD (JSON), unless it has a variable of that name.
    """
    delete_after: DeleteAfter | None = None
    """How long a finished Job is kept: 5m after a success and 1h after a failure when left out. The template's
    ttlSecondsAfterFinished, when it is written, counts instead.
    """
    log_tail: Annotated[int, Field(ge=0, le=1_000)] = 200
    """How many of the last lines of the log are kept with the run, from 0 to 1000, and at most 16 KiB of them: of the
    container that failed, else of the first.
    """

    @property
    def kept(self) -> DeleteAfter:
        """How long a finished Job is kept, where its template does not say it."""
        return self.delete_after or DeleteAfter()
