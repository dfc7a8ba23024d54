"""What `kubectl get` prints: the server says which columns there are and what is in them."""

from typing import Any

from kronstream.ports import Execution
from kronstream.runsapi.objects import Object, execution, message, metadata, seconds, word

MOST = 256


def _column(name: str, description: str, kind: str = "string", *, wide: bool = False, form: str = "") -> Object:
    return {"name": name, "type": kind, "format": form, "description": description, "priority": int(wide)}


COLUMNS: tuple[Object, ...] = (
    _column("Name", "The run's identity", form="name"),
    _column("Job", "The ScheduledJob"),
    _column("Status", "How it went: queued, running, retrying, success, failed, cancelled, skipped or dead"),
    _column("Trigger", "Why there is this run: schedule, manual, event, retry or backfill"),
    _column("Due", "When it was due"),
    _column("Started", "How long ago the last attempt began"),
    _column("Duration", "How long the last attempt took, or has been going on"),
    _column("Attempt", "The attempts so far", "integer"),
    _column("Worker", "Who executes or executed it", wide=True),
    _column("Reason", "Why it ended as it did", wide=True),
    _column("Message", "What went wrong", wide=True),
)


def cells(record: Execution, now: int) -> list[Any]:
    """The cells of a row; ``now`` in milliseconds, by the store's clock."""
    return [
        record.id,
        record.name,
        record.state.value,
        word(record.trigger),
        # absolute: a time that lies ahead has no age
        seconds(record.nominal if record.nominal is not None else record.dispatched),
        "" if record.started is None else age(now - record.started),
        _took(record, now),
        record.attempt,
        record.worker or "",
        record.reason or "",
        message(record)[:MOST],
    ]


def _took(record: Execution, now: int) -> str:
    if record.duration is not None and record.state.terminal:
        ms = record.duration
        return f"{ms}ms" if ms < 1_000 else f"{ms / 1_000:.1f}s" if ms < 10_000 else age(ms)
    if record.started is None or record.state.value != "running":
        return ""
    return age(now - record.started)


def age(ms: int) -> str:
    """A stretch of time as kubectl writes it: 2m5s, 3h12m, 5d."""
    total = max(ms // 1000, 0)
    for most, exact, large, unit, small, rest in _SPANS:
        if total < most:
            whole, left = divmod(total, large)
            left //= small
            return f"{whole}{unit}{left}{rest}" if left and total < exact else f"{whole}{unit}"
    return f"{total // 31_536_000}y"


# below so many seconds; below so many the rest is told, too; the unit and that of the rest
_SPANS = (
    (120, 0, 1, "s", 1, ""),
    (600, 600, 60, "m", 1, "s"),
    (10_800, 0, 60, "m", 1, ""),
    (28_800, 28_800, 3_600, "h", 60, "m"),
    (172_800, 0, 3_600, "h", 1, ""),
    (691_200, 691_200, 86_400, "d", 3_600, "h"),
    (63_072_000, 0, 86_400, "d", 1, ""),
)


def row(record: Execution, now: int, include: str) -> Object:
    """A row; ``include`` is what of the object goes with it: None, Metadata or Object."""
    told: Object = {"cells": cells(record, now)}
    if include == "Object":
        told["object"] = execution(record)
    elif include == "Metadata":
        told["object"] = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata(record)}
    return told


def table(rows: list[Object], meta: Object, *, columns: bool = True) -> Object:
    """The Table; in a watch only the first one tells the columns."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": list(COLUMNS) if columns else [],
        "rows": rows,
    }
