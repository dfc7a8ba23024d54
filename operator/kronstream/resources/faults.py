"""What pydantic found wrong, said as a person would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from kronstream.domain.errors import Invalid
from kronstream.resources.scalars import quoted

Model = TypeVar("Model", bound=BaseModel)

# pydantic's name of a fault → (fault, what to write); {} are the fault's own numbers and words
_SAID: Mapping[str, tuple[str, str]] = {
    "missing": ("is missing", "write it"),
    "string_type": ("{value} is not a text", "put it in quotes"),
    "string_too_short": ("is empty", "write at least {min_length} character"),
    "string_too_long": ("is too long", "write at most {max_length} characters"),
    "string_pattern_mismatch": ("{value} does not fit", "write what matches {pattern}"),
    "int_type": ("{value} is not a whole number", "write digits without quotes"),
    "float_type": ("{value} is not a number", "write digits without quotes"),
    "bool_type": ("{value} is neither true nor false", "write true or false without quotes"),
    "literal_error": ("{value} is not known", "write {expected}"),
    "enum": ("{value} is not known", "write {expected}"),
    "greater_than_equal": ("{value} is too small", "write at least {ge}"),
    "less_than_equal": ("{value} is too large", "write at most {le}"),
    "too_short": ("has {actual_length} entries", "write at least {min_length}, or remove it"),
    "too_long": ("has {actual_length} entries", "write at most {max_length}"),
    "model_type": ("{value} is not an object", "write its fields, indented, below it"),
    "model_attributes_type": ("{value} is not an object", "write its fields, indented, below it"),
    "tuple_type": ("{value} is not a list", "write one entry a line, each after '- '"),
    "dict_type": ("{value} is not a map", "write key: value"),
}


def spec_of(model: type[Model], spec: object, instead: str) -> Model:
    """Read a `spec`; `instead` is what to write where there is none. Raises Invalid for the first fault."""
    if not isinstance(spec, dict):
        raise Invalid("spec", "is missing" if spec is None else "is not an object", instead)
    return _read(model, spec, "spec")


def status_of(model: type[Model], status: object) -> Model:
    """Read a `status`; absent is empty. Raises Invalid where it is none that an operator of any version wrote."""
    if status is None:
        return model()
    if not isinstance(status, dict):
        raise Invalid("status", "is not an object")
    return _read(model, status, "status")


def _read(model: type[Model], value: object, at: str) -> Model:
    try:
        return model.model_validate(value)
    except ValidationError as found:
        raise first(found, at) from None


def first(found: ValidationError, root: str) -> Invalid:
    """The first fault, with its path in the YAML below `root` (`spec`)."""
    return _said(found.errors(include_url=False)[0], root)


def every(found: ValidationError, root: str) -> list[Invalid]:
    """All faults, in the order of the fields."""
    return [_said(error, root) for error in found.errors(include_url=False)]


def _said(error: ErrorDetails, root: str) -> Invalid:
    context: dict[str, Any] = dict(error.get("ctx", {}))
    path = root + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in error["loc"])
    if error["type"] == "invalid":
        return Invalid(path + context["at"], context["fault"], context["instead"])
    fault, instead = _SAID.get(error["type"], (error["msg"].replace("{", "{{").replace("}", "}}"), ""))
    context["value"] = quoted(error["input"])
    return Invalid(path, fault.format_map(context), instead.format_map(context))
