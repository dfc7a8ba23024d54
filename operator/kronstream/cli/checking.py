"""What is wrong with an object of ours in a file, in the words of the operator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kronstream.cli.manifests import Manifest
from kronstream.domain.errors import Invalid
from kronstream.resources import (
    EVENT_HANDLER,
    GROUP,
    KINDS,
    VERSION,
    instant,
    judge_handler,
    parse_handler_spec,
    parse_spec,
)
from kronstream.resources.judged import judge
from kronstream.resources.strict import instead, shape_faults

_KINDS = {kind.name: kind for kind in KINDS}
_PARTS = ("apiVersion", "kind", "metadata", "spec", "status")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_MAX_NAME = 253


@dataclass(frozen=True)
class Finding:
    """One thing to mend, or with `warning` to look at. `field` is empty where a file stops being YAML."""

    file: str
    line: int
    severity: Literal["error", "warning"]
    field: str
    message: str

    def __str__(self) -> str:
        mark = "warning: " if self.severity == "warning" else ""
        return f"{self.file}:{self.line}: {mark}{f'{self.field}: ' if self.field else ''}{self.message}"


def check(manifest: Manifest, namespace: str, now: int) -> Iterator[Finding]:
    """Everything found in one object. `namespace` is that of objects that name none; `now` in milliseconds."""
    file, document = manifest.file, manifest.document
    if manifest.fault is not None:
        yield Finding(file, manifest.fault.line, "error", "", manifest.fault.fault)
        return
    found = [
        Finding(file, line, "error", path, "is there twice; the last one would count: keep one")
        for line, path in document.doubled
    ]
    faults = [*_head(document.value)]
    if not any(fault.field == "kind" for fault in faults):
        faults += shape_faults(document.value.get("spec"), _KINDS[document.value["kind"]].spec)
    if _readable(faults):
        told = {str(fault) for fault in faults}
        try:
            found += [_finding(manifest, said, "warning") for said in _judged(document.value, namespace, now)]
        except Invalid as unusable:
            faults += [] if str(unusable) in told else [unusable]
    found += [_finding(manifest, fault, "error") for fault in faults]
    yield from sorted(found, key=lambda finding: finding.line)


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


def _finding(manifest: Manifest, said: Invalid, severity: Literal["error", "warning"]) -> Finding:
    message = str(said).removeprefix(f"{said.field}: ")
    return Finding(manifest.file, manifest.document.line(said.field), severity, said.field, message)


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
            yield Invalid(name, "is not a field", instead(name, _PARTS))
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


def _readable(faults: list[Invalid]) -> bool:
    """Whether there is a spec of ours to judge: what is wrong, if anything, lies inside of it."""
    return all(fault.field.startswith("spec.") for fault in faults)


def _judged(obj: Mapping[str, Any], namespace: str, now: int) -> Iterator[Invalid]:
    """A warning about a schedule that never runs from now on. Raises Invalid as the operator would."""
    if is_handler(obj):
        judge_handler(parse_handler_spec(obj["spec"]))
        return
    spec = parse_spec(obj["spec"])
    schedule = judge(spec, created(obj) or now, identity(obj, namespace)).schedule
    if schedule is not None and schedule.after(now) is None:
        yield Invalid(f"spec.{spec.forms[0]}", "never runs", schedule.why_none(now))
