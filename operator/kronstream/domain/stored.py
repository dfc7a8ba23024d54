"""Small objects as Redis keeps them, in JSON: written by this version, by an older or by the next one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields
from functools import lru_cache
from typing import Any, ClassVar, Protocol, TypeVar


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


Kind = TypeVar("Kind", bound=_Dataclass)


def known(kind: type[Kind], raw: Mapping[str, Any]) -> Kind:
    """The object, of its stored fields; those that a newer version added are passed over.

    Raises TypeError where a field is missing that has no default.
    """
    return kind(**{name: raw[name] for name in _names(kind) & raw.keys()})


@lru_cache(maxsize=64)
def _names(kind: type[Any]) -> frozenset[str]:
    return frozenset(one.name for one in fields(kind))
