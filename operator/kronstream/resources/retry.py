"""When a failed attempt is tried again."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from kronstream.domain import duration
from kronstream.resources.base import Part
from kronstream.resources.scalars import Span, cel_is_duration, cel_ms, invalid

WAIT = Span("0s", "1d")
_SHORTER = "is shorter than initial"
_RAISE_MAX = "write a max that is at least initial"


class Backoff(Part):
    """How long to wait before each retry: initial, then factor times longer each time, never longer than max."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "!has(self.initial) || !has(self.max) || "
                    f"!{cel_is_duration('self.initial')} || !{cel_is_duration('self.max')} || "
                    f"{cel_ms('self.initial')} <= {cel_ms('self.max')}",
                    "fieldPath": ".max",
                    "message": f"{_SHORTER}; {_RAISE_MAX}",
                }
            ]
        }
    )

    initial_ms: Annotated[int, WAIT] = 10_000
    """The wait before the first retry, from 0s to 1d."""
    factor: Annotated[float, Field(ge=1, le=10)] = 2.0
    """How many times longer each wait is than the one before, from 1 to 10."""
    max_ms: Annotated[int, WAIT] = 600_000
    """No wait is longer than this, jitter aside; from 0s to 1d. When left out and initial is longer, initial is."""
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.1
    """The share of a wait, from 0 to 1, that may be added to it at random, so that runs which failed together do
    not return together.
    """

    @model_validator(mode="after")
    def _max_is_longest(self) -> Self:
        if {"initial_ms", "max_ms"} <= self.model_fields_set and self.max_ms < self.initial_ms:
            raise invalid(f"{duration.render(self.max_ms)} {_SHORTER}", _RAISE_MAX, at=".max")
        return self

    @property
    def longest_ms(self) -> int:
        """The longest wait: max where it is written; else its default, or initial where that is longer."""
        return self.max_ms if "max_ms" in self.model_fields_set else max(self.initial_ms, self.max_ms)


class Retry(Part):
    """What happens after a failed attempt."""

    limit: Annotated[int, Field(ge=0, le=100)] = 3
    """How many retries there may be after the first attempt, from 0 to 100. 0 means one attempt only."""
    backoff: Backoff = Backoff()
    """How long to wait before each retry."""
