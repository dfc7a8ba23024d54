"""What a CustomResourceDefinition says besides the schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kronstream.resources.base import Part

GROUP = "kronstream.dev"
VERSION = "v1"
CATEGORY = "kronstream"


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`; a wide one is shown with `-o wide` only. `path` is a JSONPath."""

    name: str
    path: str
    description: str
    type: Literal["string", "integer", "boolean", "date"] = "string"
    wide: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of resource: its names, its models, its columns."""

    name: str
    plural: str
    singular: str
    short_names: tuple[str, ...]
    description: str
    spec: type[Part]
    status: type[Part]
    columns: tuple[Column, ...]

    @property
    def crd_name(self) -> str:
        return f"{self.plural}.{GROUP}"
