"""What of a ScheduledJob is asked for when many are listed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kronstream.domain.run import State
from kronstream.resources import instant

Object = Mapping[str, Any]
METADATA = ("uid", "namespace", "name", "generation", "creationTimestamp", "resourceVersion", "deletionTimestamp",
            "annotations", "labels")  # fmt: skip
OUTCOMES = ("total", "succeeded", "failed", "cancelled", "skipped", "dead")
ANNOTATION = "kronstream.dev/"


class Form(StrEnum):
    """When a job runs, in one word."""

    CRON = "cron"
    ONCE = "once"
    INTERVAL = "interval"
    MANUAL = "manual"


class Standing(StrEnum):
    """How a job stands. COMPLETED, FAILED: a job that is over, and how its last run ended; INVALID: its spec cannot be
    used."""

    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    INVALID = "invalid"


@dataclass(slots=True, eq=False)
class Row:
    """One job: what it is listed by, and its object as JSON; instants are milliseconds.

    ``updated`` is when its spec last changed, ``runs`` how many runs ended how (in the order of OUTCOMES), ``view``
    whatever whoever shows it has made of it.
    """

    uid: str
    namespace: str
    name: str
    version: int
    created: int
    updated: int
    form: Form
    standing: Standing
    platform: str
    tags: tuple[str, ...]
    queue: str
    runs: tuple[int, ...]
    text: str = field(repr=False)
    view: bytes | None = field(default=None, repr=False)

    @property
    def place(self) -> tuple[int, str, str, str]:
        """Where it stands in a list: the newest first."""
        return -self.created, self.namespace, self.name, self.uid

    @property
    def object(self) -> dict[str, Any]:
        """Its object: what of the metadata is kept, spec and status."""
        return dict(json.loads(self.text))


def read_row(obj: Object) -> Row:
    """The row of an object of the API server. Raises KeyError, TypeError or ValueError for what is none."""
    meta = obj["metadata"]
    spec, status = _map(obj.get("spec")), _map(obj.get("status"))
    kept: dict[str, Any] = {name: meta[name] for name in METADATA if name in meta}
    annotations = _map(meta.get("annotations"))
    kept["annotations"] = {key: text for key, text in annotations.items() if str(key).startswith(ANNOTATION)}
    created = instant.parse(meta["creationTimestamp"])
    tags, version = spec.get("tags"), str(meta.get("resourceVersion", "0"))
    return Row(
        uid=str(meta["uid"]),
        namespace=str(meta["namespace"]),
        name=str(meta["name"]),
        version=int(version) if version.isdigit() else 0,
        created=created,
        updated=_updated(meta.get("managedFields"), created),
        form=form_of(spec),
        standing=standing_of(spec, status),
        platform=str(spec.get("platformId") or ""),
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        queue=str(spec.get("queue") or "default"),
        runs=tuple(_count(_map(status.get("runs")).get(word)) for word in OUTCOMES),
        text=json.dumps({"metadata": kept, "spec": spec, "status": status}, ensure_ascii=False, separators=(",", ":")),
    )


def form_of(spec: Object) -> Form:
    """When a job of this spec runs, in one word."""
    if spec.get("runAt") is not None:
        return Form.ONCE
    if spec.get("every") is not None:
        return Form.INTERVAL
    cron = any(spec.get(name) is not None for name in ("schedule", "schedules", "rrule"))
    return Form.CRON if cron else Form.MANUAL


def standing_of(spec: Object, status: Object) -> Standing:
    """How a job stands, by its spec and what an operator last said of it."""
    conditions = status.get("conditions")
    for condition in conditions if isinstance(conditions, list) else ():
        if condition.get("type") == "Stalled" and condition.get("status") == "True":
            return Standing.INVALID
    if status.get("completionTime") is not None:
        last = _map(status.get("lastRun")).get("status")
        failed = spec.get("runAt") is not None and last in (State.FAILED.value, State.DEAD.value)
        return Standing.FAILED if failed else Standing.COMPLETED
    held = spec.get("suspend") is True or status.get("suspended", "No") not in ("No", None)
    return Standing.PAUSED if held else Standing.ACTIVE


def _updated(managed: Any, created: int) -> int:
    """The latest change of the spec that the API server has noted."""
    found = created
    for entry in managed if isinstance(managed, list) else ():
        if entry.get("subresource") or "f:spec" not in _map(entry.get("fieldsV1")):
            continue
        try:
            found = max(found, instant.parse(entry.get("time") or ""))
        except ValueError:
            continue
    return found


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0
