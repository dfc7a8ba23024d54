"""When a failed attempt is tried again."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from kronstream.domain import duration
from kronstream.resources.base import Part
from kronstream.resources.rule import Rule, Ruled, written
from kronstream.resources.scalars import FailureCode, Span, cel_is_duration, cel_ms, each_once

WAIT = Span("0s", "1d")


class Backoff(Ruled):
    """How long to wait before each retry: initial, then factor times longer each time, never longer than max."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.initial) || !has(self.max) || "
            f"!{cel_is_duration('self.initial')} || !{cel_is_duration('self.max')} || "
            f"{cel_ms('self.initial')} <= {cel_ms('self.max')}",
            holds=lambda backoff: (
                not (written(backoff, "initial_ms") and written(backoff, "max_ms"))
                or backoff.initial_ms <= backoff.max_ms
            ),
            fault="is shorter than initial",
            instead="write a max that is at least initial",
            at=".max",
            detail=lambda backoff: f"{duration.render(backoff.max_ms)} and {duration.render(backoff.initial_ms)}",
        ),
    )

    initial_ms: Annotated[int, WAIT] = 10_000
    """The wait before the first retry, from 0s to 1d."""
    factor: Annotated[float, Field(ge=1, le=10)] = 2.0
    """How many times longer each wait is than the one before, from 1 to 10."""
    max_ms: Annotated[int, WAIT] = 600_000
    """No wait is longer than this, jitter aside; from 0s to 1d. When left out and initial is longer, initial is."""
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.1
    """How much longer a wait may become, as a share of it from 0 to 1; by another amount for each run, so that runs
    which failed together do not return together.
    """

    @property
    def longest_ms(self) -> int:
        """The longest wait: max where it is written; else its default, or initial where that is longer."""
        return self.max_ms if "max_ms" in self.model_fields_set else max(self.initial_ms, self.max_ms)


FailureCodes = Annotated[
    tuple[FailureCode, ...],
    Field(strict=False, max_length=32, json_schema_extra={"x-kubernetes-list-type": "set"}),
    AfterValidator(each_once),
]


class Retry(Part):
    """Whether and when a run is tried again after a failed attempt."""

    limit: Annotated[int, Field(ge=0, le=100)] = 3
    """How many retries there may be after the first attempt, from 0 to 100. 0 means one attempt only."""
    backoff: Backoff = Backoff()
    # not `on`: YAML reads that word as true
    only_on: FailureCodes = ()
    """Which failures are tried again: class names of errors (`ConnectionError`, a base such as `OSError`, with or
    without the module), `http:503`, `http:5xx`, `exit:3`, types of failures of handlers, and reasons of the record such
    as `timeout`, `worker_lost`, `crashed`. A name may end in `*`. All, when left out.
    """
    not_on: FailureCodes = ()
    """Which failures are not tried again, in the same words; goes before onlyOn."""
