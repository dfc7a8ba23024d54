"""The part of an object's metadata that a scheduler reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kronstream.domain.errors import Invalid
from kronstream.resources import instant

_DIGITS = 6

CHAIN_DEPTH = "kronstream.dev/chain-depth"
"""The annotation of a job that an event made: how many actions lie between it and the event that began the chain."""


@dataclass(frozen=True, slots=True)
class Meta:
    """Which object it is. `created_ms` is in milliseconds since 1970, `deleting` whether its deletion was asked for."""

    namespace: str
    name: str
    uid: str
    generation: int
    created_ms: int
    deleting: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def parse_meta(value: object) -> Meta:
    """Read `metadata` as the API server serves it. Raises Invalid for a field that is missing or of another type."""
    if not isinstance(value, Mapping):
        raise Invalid("metadata", "is not an object")
    created = _text(value, "creationTimestamp")
    try:
        created_ms = instant.parse(created)
    except ValueError as fault:
        raise Invalid("metadata.creationTimestamp", str(fault)) from None
    generation = value.get("generation")
    if not isinstance(generation, int) or isinstance(generation, bool) or generation < 0:
        raise Invalid("metadata.generation", "is not a number")
    return Meta(
        namespace=_text(value, "namespace"),
        name=_text(value, "name"),
        uid=_text(value, "uid"),
        generation=generation,
        created_ms=created_ms,
        deleting=value.get("deletionTimestamp") is not None,
        labels=_texts(value, "labels"),
        annotations=_texts(value, "annotations"),
    )


def ending(meta: Mapping[str, Any]) -> bool:
    """Whether an object is being deleted: a finalizer may keep it for long, but nothing of it acts any more."""
    return bool(meta.get("deletionTimestamp"))


def chain_depth(annotations: object) -> int:
    """What the annotation says; 0 where there is none, or one that nobody would write."""
    text = annotations.get(CHAIN_DEPTH) if isinstance(annotations, Mapping) else None
    if not isinstance(text, str) or not (text.isascii() and text.isdigit()) or len(text) > _DIGITS:
        return 0
    return int(text)


def _text(meta: Mapping[object, object], field: str) -> str:
    value = meta.get(field)
    if not isinstance(value, str) or not value:
        raise Invalid(f"metadata.{field}", "is not a text")
    return value


def _texts(meta: Mapping[object, object], field: str) -> Mapping[str, str]:
    value = meta.get(field)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Invalid(f"metadata.{field}", "is not a map of texts")
    return {key: text for key, text in value.items() if isinstance(key, str) and isinstance(text, str)}
