"""The result of a handler as JSON text, within bounds."""

from __future__ import annotations

import json
import math
from typing import Any

from kronstream.ports.bounds import RESULT, RESULT_DEPTH

_INSTEAD = "return text, numbers, booleans, None, and lists and dicts of them"
_ELSEWHERE = "keep the data elsewhere and return its address"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False).encode


class Unfit(ValueError):  # noqa: N818 - a verdict on a result
    """A result that cannot be recorded; the message says what to return instead."""


def encode(value: Any) -> str | None:
    """Compact JSON of a result, None for None. Raises Unfit.

    The walk comes first: it ends early for what is too much, where encoding would take all the time and memory.
    """
    if value is None:
        return None
    _walk(value)
    try:
        text = _encode(value)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise Unfit(f"the result is not JSON ({type(error).__name__}: {str(error)[:200]}); {_INSTEAD}") from None
    if size > RESULT:
        raise _too_much()
    return text


def _too_much() -> Unfit:
    return Unfit(f"the result has more than {RESULT // 1024} KiB of JSON; {_ELSEWHERE}")


def _walk(value: Any) -> None:
    left = RESULT
    layer: list[Any] = [value]
    for _ in range(RESULT_DEPTH + 1):
        below: list[Any] = []
        for item in layer:
            left -= _least(item)
            if left < 0:
                raise _too_much()
            if isinstance(item, dict):
                left -= sum(len(key) + 3 if isinstance(key, str) else 4 for key in item)
                below += item.values()
            elif isinstance(item, (list, tuple)):
                below += item
        if not below:
            return
        layer = below
    raise Unfit(f"the result is nested more than {RESULT_DEPTH} levels deep; return it flatter")


def _least(item: Any) -> int:
    """The least bytes an item takes; a dict without its keys, all without what is inside."""
    if isinstance(item, str):
        return len(item) + 2
    if item is None or isinstance(item, (bool, int, dict)):
        return 1
    if isinstance(item, (list, tuple)):
        return len(item) + 1
    if isinstance(item, float):
        if not math.isfinite(item):
            raise Unfit(f"the result holds {item}, which JSON cannot say; return None instead")
        return 3
    kind = type(item)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    raise Unfit(f"the result holds a {name[:200]}, which is not JSON; {_hint(item)}")


_HINTS = (
    ("__await__", "declare the handler with async def, and await this in it"),
    ("model_dump", "return .model_dump(mode='json')"),
    ("__dataclass_fields__", "return dataclasses.asdict(…)"),
    ("isoformat", "return .isoformat()"),
    ("decode", "return text, by .decode() or base64"),
    ("isdisjoint", "return sorted(…)"),
)


def _hint(item: Any) -> str:
    return next((hint for attribute, hint in _HINTS if hasattr(type(item), attribute)), _INSTEAD)
