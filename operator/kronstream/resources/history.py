"""How long execution records are kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kronstream.resources.base import Part
from kronstream.resources.scalars import Span


class History(Part):
    """How long execution records are kept. They live in Redis, not in this resource."""

    successful: Annotated[int, Field(ge=0, le=10_000)] = 20
    """How many records of successful runs are kept, from 0 to 10000."""
    failed: Annotated[int, Field(ge=0, le=10_000)] = 20
    """How many records of runs that did not succeed are kept, from 0 to 10000."""
    max_age_ms: Annotated[int, Span("1m", "365d")] = 604_800_000
    """Records older than this are removed, from 1m to 365d."""
