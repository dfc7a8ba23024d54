"""The next runs of one job, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kronstream.domain import preview, zone
from kronstream.domain.hashed import is_hashed
from kronstream.domain.when import When
from kronstream.resources import Spec, instant, parse_spec
from kronstream.resources.judged import judge


@dataclass(frozen=True)
class NextRuns:
    """What is told of one job: `rows` as in domain.preview, `end` why there are no more, `notes` about the job."""

    identity: str
    when: When
    jitter_ms: int
    rows: tuple[preview.Row, ...]
    end: str
    notes: tuple[str, ...]

    @property
    def zone(self) -> str:
        """The zone that the job goes by."""
        return self.when.zone or "UTC"


def next_runs(
    spec: Mapping[str, Any],
    identity: str,
    created: int | None,
    start: str | None,
    now: int,
    number: int,
    *,
    named: bool = True,
) -> NextRuns:
    """The next runs of a spec after `now`, or from `start` on. `created` is None for a job that was not created yet,
    `named` False for one whose name the API server will complete.

    Raises Invalid as the operator would, ValueError for a start that is none.
    """
    read = parse_spec(spec)
    name = read.time_zone or "UTC"
    after = now if start is None else _instant(start, name) - 1
    # the API server stamps whole seconds
    born = -(-(after + 1) // 1000) * 1000 if created is None else created
    judged = judge(read, born, identity)
    when, schedule, spread = judged.when, judged.schedule, read.jitter_ms or 0
    if when.every is not None and read.anchor_ms is None:
        after = max(after, born)  # nothing is due at the creation itself
    if schedule is None:
        return NextRuns(
            identity,
            when,
            0,
            (),
            "it runs only when asked: nothing in its spec says when",
            _notes(read, created, named=named),
        )
    rows = tuple(preview.rows(when, schedule, identity, spread, after, number))
    runs = [row.at for row in rows if not row.skipped]
    last = runs[-1] if runs else after
    end = schedule.why_none(last) if len(runs) < number and schedule.after(last) is None else ""
    return NextRuns(identity, when, spread, rows, end, _notes(read, created, named=named))


def _instant(text: str, name: str) -> int:
    """An RFC 3339 instant, or a day or a time without an offset on the clocks of the zone."""
    try:
        return instant.parse(text)
    except ValueError:
        pass
    try:
        wall = int((datetime.fromisoformat(text) - datetime(1970, 1, 1)).total_seconds())  # noqa: DTZ001
    except (ValueError, TypeError):
        raise ValueError(
            f"{text!r} is neither an instant nor a day; write 2026-12-24T18:00:00Z or 2026-12-24"
        ) from None
    found = zone.load(name)
    return (wall - found.offset(wall - found.offset(wall))) * 1000


def _notes(spec: Spec, created: int | None, *, named: bool) -> tuple[str, ...]:
    """What else decides whether a run starts."""
    found = []
    if spec.suspend:
        found.append("suspend is true: nothing runs until it is false")
    if spec.run_if is not None:
        found.append(f"each run is skipped unless {spec.run_if}")
    if spec.end_after is not None and spec.end_after.runs is not None:
        found.append(f"over after {spec.end_after.runs} runs")
    if spec.end_after is not None and spec.end_after.successes is not None:
        found.append(f"over after {spec.end_after.successes} runs that succeeded")
    if created is None and spec.every_ms is not None and spec.anchor_ms is None:
        found.append("counted from here; in the cluster from the creation of the job, unless anchor says from when")
    if created is None and spec.rrule is not None and "DTSTART" not in spec.rrule.upper():
        found.append("counted from here; in the cluster from the creation of the job, unless DTSTART says from when")
    texts = (*spec.schedules, spec.schedule or "")
    if not named and (spec.jitter_ms or any(is_hashed(field) for text in texts for field in text.split())):
        found.append("H and jitter will be others: the API server adds to generateName")
    return tuple(found)
