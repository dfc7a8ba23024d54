"""What becomes of instants that passed while nothing could fire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kronstream.resources.base import Part
from kronstream.resources.scalars import Span


class CatchUp(Part):
    """Which instants are made up for that passed while no operator could fire them. Instants of the last minute are
    late, not missed: all of them run. Instants that passed while the job was held, or that an edit took away, are
    never made up for.
    """

    policy: Literal["None", "Latest", "All"] = "Latest"
    """None runs no missed instant, Latest the last one, All every one within window and maxRuns."""
    window_ms: Annotated[int, Span("1s", "30d")] = 3_600_000
    """Instants that were missed longer ago than this are skipped, from 1s to 30d."""
    max_runs: Annotated[int, Field(ge=1, le=1_000)] = 100
    """With All, how many missed instants run at most, the newest ones; from 1 to 1000."""
