"""Everything that is wrong with the shape of a spec, misspelt fields too: for those who check files before they apply.

The API server prunes a field that it does not know, and the operator ignores it; in a file it is a slip of the pen.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import ValidationError

from kronstream.domain.errors import Invalid
from kronstream.resources import faults
from kronstream.resources.base import Part

NO_FIELD = "is not a field"


def shape_faults(spec: object, model: type[Part]) -> list[Invalid]:
    """Every field of the wrong shape and every field that is none, each with its path (`spec.retry.limit`); `model` is
    that of the kind's spec.
    """
    if not isinstance(spec, dict):
        return []
    found = [*unknown(spec, model, "spec")]
    try:
        model.model_validate(spec)
    except ValidationError as error:
        found += faults.every(error, "spec")
    return found


def unknown(value: object, model: type[Part], path: str) -> Iterator[Invalid]:
    """The fields of an object that its model does not have, with the nearest that it has."""
    if not isinstance(value, dict):
        return
    known = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    for name, child in value.items():
        if name not in known:
            yield Invalid(f"{path}.{name}", NO_FIELD, instead(str(name), known))
        elif inner := _part(known[name]):
            yield from unknown(child, inner, f"{path}.{name}")


def instead(name: str, known: Any) -> str:
    """What to write for a name that is not among the known ones: the nearest, or one of all."""
    by_lower = {one.lower(): one for one in known}
    near = get_close_matches(name.lower(), by_lower, 1, 0.6)
    return f"write {by_lower[near[0]]}" if near else f"write one of {', '.join(sorted(known))}"


def _part(annotation: Any) -> type[Part] | None:
    """The model inside an annotation such as `Part | None`."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _part(inner))), None)
