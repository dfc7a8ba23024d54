"""What all bodies have in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from kronstream.api.problem import invalid
from kronstream.resources import instant

Instant = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    Field(json_schema_extra={"format": "date-time", "examples": ["2026-12-24T18:00:00.000Z"]}),
]

# what a schema can say of a text; it is judged by what the resource says of it, in better words
Cron = Annotated[str, StringConstraints(min_length=1, max_length=256), Field(json_schema_extra={"format": "cron"})]
Zone = Annotated[str, StringConstraints(min_length=1, max_length=64), Field(json_schema_extra={"format": "time-zone"})]
Namespace = Annotated[str, Field(json_schema_extra={"pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"})]


def shown(example: dict[str, Any]) -> ConfigDict:
    """The configuration of a model with an example of it."""
    return ConfigDict(json_schema_extra={"examples": [example]})


def more(example: dict[str, Any]) -> ConfigDict:
    """The same, of a model that may have further fields."""
    return ConfigDict(json_schema_extra={"examples": [example]}, extra="allow")


class Body(BaseModel):
    """A body: nothing is converted, and a field that is none is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)


def moment(field: str, text: str) -> int:
    """An instant of a body in milliseconds. Raises Problem."""
    try:
        return instant.parse(text)
    except ValueError as fault:
        raise invalid(field, f"{fault}; {instant.INSTEAD}") from None
