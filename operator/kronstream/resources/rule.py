"""Rules between the fields of an object: in CEL for the API server and in Python for the model, in the same words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from kronstream.resources.base import Part, yaml_name
from kronstream.resources.scalars import invalid


@dataclass(frozen=True)
class Rule:
    """What must hold for an object: `cel` of `self`, `holds` of the model; `at` is the field that is to blame.

    `detail` says of a model what CEL cannot.
    """

    cel: str
    holds: Callable[[Any], bool]
    fault: str
    instead: str
    at: str = ""
    detail: Callable[[Any], str] | None = None

    def json(self) -> dict[str, str]:
        """The entry of `x-kubernetes-validations`."""
        where = {"fieldPath": self.at} if self.at else {}
        return {"rule": self.cel, **where, "message": f"{self.fault}; {self.instead}"}


class Ruled(Part):
    """An object with rules; the first that does not hold is told."""

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        for rule in self.rules:
            if not rule.holds(self):
                detail = f" ({rule.detail(self)})" if rule.detail else ""
                raise invalid(f"{rule.fault}{detail}", rule.instead, at=rule.at)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        found = handler(schema)
        if cls.rules:
            handler.resolve_ref_schema(found)["x-kubernetes-validations"] = [rule.json() for rule in cls.rules]
        return found


def written(part: Part, attribute: str) -> bool:
    """Whether a field is there: CEL's `has`, for which an empty list is there and null is not."""
    return attribute in part.model_fields_set and getattr(part, attribute) is not None


def only_with(attribute: str, owners: Iterable[str], instead: str) -> Rule:
    """A field that has a meaning only beside one of others."""
    owners = tuple(owners)
    there = " || ".join(f"has(self.{yaml_name(owner)})" for owner in owners)
    return Rule(
        cel=f"!has(self.{yaml_name(attribute)}) || {there}",
        holds=lambda part: not written(part, attribute) or any(written(part, owner) for owner in owners),
        fault=f"is used only with {listed(map(yaml_name, owners), 'or')}",
        instead=instead,
        at=f".{yaml_name(attribute)}",
    )


def listed(names: Iterable[str], last: str) -> str:
    """Names as a sentence lists them: a, b or c."""
    *most, end = names
    return f"{', '.join(most)} {last} {end}" if most else end
