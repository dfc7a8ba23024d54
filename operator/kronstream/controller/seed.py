"""What a status still knows of a job, for a store that lost it."""

from collections.abc import Mapping
from typing import Any

from kronstream.domain.errors import Invalid
from kronstream.ports import Seed
from kronstream.resources.scheduledjob import parse_status
from kronstream.resources.status import Paused, Status

# who pauses a job whose runs failed in a row (see ``ending.lua``)
BY_ITSELF = "kronstream"

_RUNS = {
    "succeeded": "success",
    "failed": "failed",
    "cancelled": "cancelled",
    "skipped": "skipped",
    "dead": "dead",
    "slow": "slow",
}


def seed_of(status: Mapping[str, Any], *, one_time: bool = False) -> Seed | None:
    """The counters and unfinished runs of a status that an operator wrote; None for one that none has written."""
    if not status.get("seq"):
        return None
    try:
        known = parse_status(status)
    except Invalid:
        # a status that nobody can read must not keep its job from running
        return None
    fields = _fields(known)
    if one_time and known.unfinished:
        # its only run is under way; otherwise the job would be told to have expired
        fields.setdefault("once", known.unfinished[0])
    return Seed(fields, known.unfinished)


def _pause(paused: Paused | None, *, by_failures: bool) -> dict[str, str]:
    if paused is None:
        return {}
    return {
        # an older operator did not tell when it began: then it is as if it always had been
        "psn": str(paused.since_ms or 1),
        "pun": str(paused.until_ms or ""),
        "pby": paused.by,
        "prs": paused.reason or "",
        "pau": "1" if by_failures else "",
    }


def _fields(status: Status) -> dict[str, str]:
    numbers: dict[str, int | None] = {
        "seq": status.seq,
        "ls": status.last_schedule_time_ms,
        "lok": status.last_success_time_ms,
        "lbad": status.last_failure_time_ms,
        "cf": status.consecutive_failures,
        "done": status.completion_time_ms,
        **{f"n:{field}": getattr(status.runs, name) for name, field in _RUNS.items()},
        **{f"sk:{reason}": count for reason, count in status.skipped.items()},
    }
    texts = {
        "rn": status.handled_run_now or "",
        "sx": ",".join(map(str, status.skip_next_ms)),
        **_pause(status.paused, by_failures=status.paused is not None and status.paused.by == BY_ITSELF),
    }
    fields = {name: text for name, text in texts.items() if text} | {
        name: str(number) for name, number in numbers.items() if number
    }
    if status.average_duration_ms is not None:
        timed = status.runs.succeeded + status.runs.failed or 1
        fields |= {"dn": str(timed), "dsum": str(status.average_duration_ms * timed)}
    if status.paused is not None:
        fields.setdefault("pun", "")
    last = status.last_run
    if last is not None and last.status.terminal:
        fields |= {
            "lr": last.id,
            "lrst": last.status.value,
            "lrsta": str(last.started_at_ms or ""),
            "lrdur": "" if last.duration_ms is None else str(last.duration_ms),
            "lrmsg": last.message or "",
        }
    if status.completion_time_ms is not None:
        # one that never ran has at most one reason why
        reasons = tuple(status.skipped)
        fields["once"] = last.id if last is not None else reasons[0] if len(reasons) == 1 else "restored"
    return fields
