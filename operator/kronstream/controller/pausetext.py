"""Pauses as people write them into a ConfigMap: a pure reading, which pauses also where it cannot read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import yaml

from kronstream.ports import Pause
from kronstream.resources.instant import parse

ALL = "_all"  # an underscore is in no namespace's name
EVERYTHING = "*"
SCOPES = 1000
BY, REASON = 255, 1024
VALUE = 4096  # characters; a longer value is no form
FIELDS = ("reason", "until", "by")
INSTEAD = "write a reason as plain text, or {reason: ..., until: 2026-12-24T18:00:00Z, by: ...}"

_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_FORM = re.compile(r"\s*(\{|[A-Za-z_]\w*\s*:(\s|$))")  # anything else is a sentence


@dataclass(frozen=True, slots=True)
class Written:
    """What a ConfigMap says: pauses by namespace or '*', and what in it cannot be used.

    A pause's ``since`` is when its key was last written, as far as the object tells (0 where it does not).
    """

    pauses: Mapping[str, Pause]
    faults: tuple[str, ...] = ()


NOTHING = Written({})


class _UnusableError(ValueError):
    """What is wrong with a value."""


def read(obj: Mapping[str, Any] | None) -> Written:
    """The pauses of a ConfigMap, or none of one that is not there. Raises nothing, whatever the object holds."""
    if obj is None:
        return NOTHING
    meta = obj.get("metadata") or {}
    by = f"ConfigMap {meta.get('namespace')}/{meta.get('name')}"
    values = {**dict.fromkeys(obj.get("binaryData") or {}), **(obj.get("data") or {})}
    written = _times(meta)
    pauses: dict[str, Pause] = {}
    faults: list[str] = []
    for key, value in sorted(values.items()):
        if key != ALL and not _NAMESPACE.fullmatch(key):
            faults.append(
                f"{key}: no namespace has such a name, so nothing is paused by it; write a namespace or {ALL}"
            )
        elif len(pauses) == SCOPES:
            faults.append(f"{key} and what follows it pauses nothing: {SCOPES} keys are read; pause all by {ALL}")
            break
        else:
            pause, fault = _value(value, by)
            pauses[EVERYTHING if key == ALL else key] = replace(pause, since=written.get(key, 0))
            faults += [f"{key}: {fault}; paused all the same, without end: {INSTEAD}"] if fault else []
    return Written(pauses, tuple(faults))


def _value(text: str | None, by: str) -> tuple[Pause, str]:
    """The pause of a value, and what is wrong with it ('' when nothing is)."""
    if text is None:
        return Pause(0, None, by), "the value is no text"
    plain = Pause(0, None, by, text.strip()[:REASON])
    if not _FORM.match(text):
        return plain, ""
    try:
        form = _form(text)
        until = _until(form.get("until", ""))
    except _UnusableError as error:
        return plain, str(error)
    return Pause(0, until, form.get("by", "").strip()[:BY] or by, form.get("reason", "").strip()[:REASON]), ""


def _form(text: str) -> dict[str, str]:
    if len(text) > VALUE:
        raise _UnusableError(f"the value has more than {VALUE} characters")
    try:
        # texts alone: YAML's own instants are read otherwise than Kubernetes' ones
        form = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes texts, lists and mappings, nothing else
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _UnusableError(f"the value is not YAML ({' '.join(str(error).split())[:200]})") from None
    if not isinstance(form, dict):
        raise _UnusableError("the value is no mapping")
    for field, said in form.items():
        if field not in FIELDS:
            raise _UnusableError(f"there is no field {str(field)[:40]!r}")
        if not isinstance(said, str):
            raise _UnusableError(f"{field} is no text")
    return form


def _until(text: str) -> int | None:
    try:
        return parse(text) if text else None
    except ValueError as error:
        raise _UnusableError(f"until: {error}"[:200]) from None


def _times(meta: Mapping[str, Any]) -> dict[str, int]:
    """When each key was last written, in milliseconds, by what the API server notes of its writers."""
    found: dict[str, int] = {}
    for entry in meta.get("managedFields") or ():
        try:
            # whole seconds, cut off: an instant of that second may lie before the pause
            at = int(datetime.fromisoformat(entry["time"]).timestamp()) * 1000 + 1000
            keys = [name[2:] for part in ("f:data", "f:binaryData") for name in entry["fieldsV1"].get(part, ())]
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            continue  # optional, and nobody else's to check
        for key in keys:
            found[key] = min(at, found.get(key, at))
    return found
