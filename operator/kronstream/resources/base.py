"""What every part of a resource has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

# the API server writes such a default into the object, so that it is seen
SHOWN_DEFAULT: JsonDict = {"x-kronstream-default": True}


def yaml_name(attribute: str) -> str:
    """The name in YAML of an attribute: `starting_deadline_ms` is `startingDeadline`, its text carries the unit."""
    return to_camel(attribute.removesuffix("_ms"))


class Part(BaseModel):
    """An object of a resource.

    Immutable and strict: the API server has typed the values, so nothing is converted. Unknown fields are ignored,
    because a newer CRD may be installed before this operator is replaced. The docstrings below the attributes are the
    descriptions that `kubectl explain` shows.
    """

    model_config = ConfigDict(
        alias_generator=yaml_name,
        allow_inf_nan=False,
        extra="ignore",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
        validate_by_alias=True,
        validate_by_name=True,
    )
