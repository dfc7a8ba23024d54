"""Limits of runs that share a key."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from kronstream.domain.keys import KeyLimit as Told
from kronstream.resources.base import Part
from kronstream.resources.rule import Rule, Ruled
from kronstream.resources.scalars import GroupName, Span


class Rate(Part):
    """How many attempts may begin in a time."""

    count: Annotated[int, Field(ge=1, le=1_000_000)]
    """How many, from 1 to 1000000."""
    per_ms: Annotated[int, Span("1s", "1d")]
    """In which time, from 1s to 1d, such as `1m`."""


class KeyLimit(Ruled):
    """How many runs of one key execute at a time, or begin in a time, over all workers. A run that has to wait lets
    others go first.
    """

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.concurrency) || has(self.rate)",
            holds=lambda limit: limit.concurrency is not None or limit.rate is not None,
            fault="limits nothing",
            instead="write concurrency, rate, or both",
        ),
    )

    key: Annotated[str, Field(min_length=1, max_length=1_024)]
    """What the runs share, as text with CEL expressions over payload and job, such as `${payload.customer}`; the limit
    holds for each text by itself.
    """
    name: GroupName | None = None
    """Jobs of this namespace that give the same name share the limit; without one it is the job's own."""
    concurrency: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How many runs execute at a time, from 1 to 10000."""
    rate: Rate | None = None
    """How many attempts begin in a time."""

    @property
    def told(self) -> Told:
        """As the domain knows it."""
        count, per = (self.rate.count, self.rate.per_ms) if self.rate is not None else (None, None)
        return Told(self.key, self.name or "", self.concurrency, count, per)
