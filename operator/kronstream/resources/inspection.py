"""Everything that is to be said about an object of ours before it is stored, in the words of the operator: for files
and for admission alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kronstream.domain.errors import Invalid
from kronstream.resources import instant
from kronstream.resources.eventhandler import EVENT_HANDLER, judge_handler, parse_handler_spec
from kronstream.resources.judged import judge
from kronstream.resources.kind import GROUP, VERSION
from kronstream.resources.scheduledjob import SCHEDULED_JOB, parse_spec
from kronstream.resources.strict import NO_FIELD, instead, shape_faults

_KINDS = {kind.name: kind for kind in (SCHEDULED_JOB, EVENT_HANDLER)}
_PARTS = ("apiVersion", "kind", "metadata", "spec", "status")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_MAX_NAME = 253


@dataclass(frozen=True)
class Inspection:
    """What is wrong with an object, and what is odd about it and yet legal."""

    faults: list[Invalid] = field(default_factory=list)
    warnings: list[Invalid] = field(default_factory=list)

    @property
    def misspelt(self) -> list[Invalid]:
        """Of the faults, the fields that this version does not know: an operator passes them over."""
        return [fault for fault in self.faults if fault.fault == NO_FIELD]


def inspect(obj: Mapping[str, Any], namespace: str, now: int) -> Inspection:
    """Everything found in one object. `namespace` is that of objects that name none; `now` in milliseconds."""
    faults = [*_head(obj)]
    warnings: list[Invalid] = []
    if not any(fault.field == "kind" for fault in faults):
        faults += shape_faults(obj.get("spec"), _KINDS[obj["kind"]].spec)
    if all(fault.field.startswith("spec.") for fault in faults):  # there is a spec of ours to judge
        told = {str(fault) for fault in faults}
        try:
            warnings += _judged(obj, namespace, now)
        except Invalid as unusable:
            faults += [] if str(unusable) in told else [unusable]
    return Inspection(faults, warnings)


def is_handler(obj: object) -> bool:
    """Whether an object of ours is an EventHandler."""
    return isinstance(obj, Mapping) and obj.get("kind") == EVENT_HANDLER.name


def identity(obj: Mapping[str, Any], namespace: str) -> str:
    """The `namespace/name` that H and jitter are taken from."""
    meta = obj["metadata"]
    return f"{meta.get('namespace') or namespace}/{meta.get('name') or meta.get('generateName')}"


def created(obj: Mapping[str, Any]) -> int | None:
    """When the object was created, in milliseconds; None for one that a person wrote."""
    text = obj["metadata"].get("creationTimestamp")
    try:
        return instant.parse(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _head(obj: Mapping[str, Any]) -> Iterator[Invalid]:
    """What is wrong above the spec; an object of another kind or version is looked at no further."""
    if obj["apiVersion"] != f"{GROUP}/{VERSION}":
        yield Invalid("apiVersion", f"{obj['apiVersion']!r} is not known", f"write {GROUP}/{VERSION}")
    kind = obj.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        fault = "is missing" if kind is None else f"{kind!r} is not known"
        yield Invalid("kind", fault, instead(str(kind), _KINDS))
        return
    for name in obj:
        if name not in _PARTS:
            yield Invalid(name, NO_FIELD, instead(name, _PARTS))
    meta = obj.get("metadata")
    if not isinstance(meta, dict):
        yield Invalid("metadata", "is missing" if meta is None else "is not an object", "write name below it")
        return
    called: object = meta.get("name", meta.get("generateName"))
    if not isinstance(called, str):
        yield Invalid("metadata.name", "is missing" if called is None else f"{called!r} is not a text", "write a name")
    elif len(called) > _MAX_NAME or not _NAME.fullmatch(called if "name" in meta else called.removesuffix("-")):
        yield Invalid("metadata.name", f"{called!r} names no object", "write lower-case letters, digits, - and .")
    space = meta.get("namespace")
    if space is not None and not isinstance(space, str):
        yield Invalid("metadata.namespace", f"{space!r} is not a text", "put it in quotes")
    try:
        if not isinstance(obj.get("spec"), dict):
            (parse_handler_spec if is_handler(obj) else parse_spec)(obj.get("spec"))
    except Invalid as fault:
        yield fault


def _judged(obj: Mapping[str, Any], namespace: str, now: int) -> Iterator[Invalid]:
    """A warning about a schedule that never runs from now on. Raises Invalid as the operator would."""
    if is_handler(obj):
        judge_handler(parse_handler_spec(obj["spec"]))
        return
    spec = parse_spec(obj["spec"])
    schedule = judge(spec, created(obj) or now, identity(obj, namespace)).schedule
    if schedule is not None and schedule.after(now) is None:
        yield Invalid(f"spec.{spec.forms[0]}", "never runs", schedule.why_none(now))
