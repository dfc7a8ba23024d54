"""When a job is over by itself."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from kronstream.resources.rule import Rule, Ruled, written

MAX_RUNS = 1_000_000_000


class EndAfter(Ruled):
    """After how many runs the job is over: nothing runs any more, and completionTime is set. What is reached first
    counts.
    """

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.runs) || has(self.successes)",
            holds=lambda end: written(end, "runs") or written(end, "successes"),
            fault="says no number",
            instead="write runs, successes or both",
        ),
    )

    runs: Annotated[int, Field(ge=1, le=MAX_RUNS)] | None = None
    """After this many runs, however they ended; from 1 to 1000000000."""
    successes: Annotated[int, Field(ge=1, le=MAX_RUNS)] | None = None
    """After this many runs that succeeded, from 1 to 1000000000."""
