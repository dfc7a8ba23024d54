"""Next runs as the API tells them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from kronstream.api.views.stamps import stamp
from kronstream.domain.preview import local
from kronstream.operations.nextruns import NextRuns


class RunView(BaseModel):
    """A run that is due: when, on the clock of the zone, and with the job's jitter."""

    scheduled_at: str
    local: str
    starts_at: str
    notes: list[str]


class LeftOutView(BaseModel):
    """Instants that make no run, and why; exact is false where there may be more."""

    first: str
    last: str
    count: int
    exact: bool
    reason: str


class PreviewView(BaseModel):
    """The next runs; end tells why there are no more."""

    schedule: str
    timezone: str
    runs: list[RunView]
    skipped: list[LeftOutView]
    end: str | None
    notes: list[str]


def preview_view(found: NextRuns) -> dict[str, Any]:
    """What is told of the next runs."""
    return {
        "schedule": found.when.text,
        "timezone": found.zone,
        "runs": [
            {
                "scheduled_at": stamp(row.at),
                "local": local(found.zone, row.at).isoformat(timespec="milliseconds"),
                "starts_at": stamp(row.starts),
                "notes": list(row.notes),
            }
            for row in found.rows
            if not row.skipped
        ],
        "skipped": [
            {
                "first": stamp(row.at),
                "last": stamp(row.last),
                "count": row.count,
                "exact": row.exact,
                "reason": row.skipped,
            }
            for row in found.rows
            if row.skipped
        ],
        "end": found.end or None,
        "notes": list(found.notes),
    }
