"""Judgements: CEL expressions over one object, that say whether it has succeeded or failed.

The one name is ``object``: the resource as the API server gives it. There are ``has``, ``exists``, ``exists_one`` and
``all``; left out is what could fill memory (``map``, ``filter``), take a second with the interpreter's lock held
(``matches``), or open files (the functions of a timestamp that take a zone). An expression has at most 1,024
characters, sees at most 16 KiB, and the library ends it after ten thousand steps through lists.

A field that is not there means: not yet. Every other error cannot become better by waiting.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MAX_LENGTH = 1_024
MAX_BYTES = 16_384
EXAMPLE = 'object.status.phase == "Succeeded"'
SHOWN = 64

_ZONED = {
    "getFullYear": "year_with_tz",
    "getMonth": "month_with_tz",
    "getDate": "day_of_month_1_based_with_tz",
    "getDayOfMonth": "day_of_month_with_tz",
    "getDayOfWeek": "day_of_week_with_tz",
    "getDayOfYear": "day_of_year_with_tz",
    "getHours": "hours_with_tz",
    "getMinutes": "minutes_with_tz",
    "getSeconds": "seconds_tz",
    "getMilliseconds": "milliseconds_with_tz",
}
_INSTEAD = {
    "map": "write exists or all with the comparison inside",
    "filter": "write exists or all with the comparison inside",
    "matches": "write contains, startsWith or endsWith",
}
_NOT_YET = ("Key not found in map", "Index error")
_WHERE = re.compile(r"ERROR: <input>:-?\d+:(-?\d+): (.*)")
_UNKNOWN = re.compile(r"undeclared reference to '([^']*)'")


class Unjudgeable(ValueError):  # noqa: N818 - a verdict on an expression
    """An expression that gives an error, or no truth value, and would again: the message says what."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What expressions see of an object, and the fields that were left out because it is too large."""

    value: Mapping[str, Any]
    left_out: tuple[str, ...] = ()


class Judgement:
    """A compiled expression; ``compile`` gives the same object for the same text."""

    __slots__ = ("_program", "text")

    def __init__(self, text: str, program: Any) -> None:
        self.text = text
        self._program = program

    def holds(self, shown: Shown) -> bool:
        """Whether it is true of the object; False as well where a field is not there yet. Raises Unjudgeable."""
        try:
            answer = self._program.eval(data={"object": shown.value})
        except RuntimeError as error:
            raise Unjudgeable(f"{_quoted(self.text)}: {str(error).partition(': ')[2] or error}") from None
        kind = answer.type().name()
        if kind == "BOOL":
            return bool(answer.value())
        if kind != "ERROR":
            raise Unjudgeable(f"{_quoted(self.text)} gives {kind.lower()}, not true or false")
        said = str(answer.plain_value())
        if any(words in said for words in _NOT_YET):
            return False
        raise Unjudgeable(f"{_quoted(self.text)}: {said.partition(': ')[2] or said}")


@lru_cache(maxsize=1_024)
def compile(text: str) -> Judgement:  # noqa: A001 - the field's own word, always written judgement.compile
    """Read an expression of 1 to 1,024 characters; raises ValueError with what is wrong and what to write."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"has {len(text)} characters; write at most {MAX_LENGTH}")
    if not text.strip():
        raise ValueError(f"is empty; write an expression like {EXAMPLE}")
    try:
        text.encode()
        program = _environment().compile(text)
    except (RuntimeError, UnicodeEncodeError) as error:
        raise ValueError(_fault(text, str(error))) from None
    given = program.return_type().name()
    if given not in ("BOOL", "DYN"):
        raise ValueError(f"{_quoted(text)} gives {given.lower()}, not true or false; write a comparison like {EXAMPLE}")
    return Judgement(text, program)


@lru_cache(maxsize=1)
def _environment() -> Any:
    """The native library is loaded here, when an expression is first read."""
    from cel_expr_python import cel  # noqa: PLC0415

    zoned = ", ".join(f"{{name: {name}, overloads: [{{id: timestamp_to_{form}}}]}}" for name, form in _ZONED.items())
    config = cel.NewEnvConfigFromYaml(
        f"stdlib: {{exclude_macros: [map, filter], exclude_functions: [{{name: matches}}, {zoned}]}}"
    )
    return cel.NewEnv(config=config, variables={"object": cel.Type.DYN})


def shown(obj: Mapping[str, Any]) -> Shown:
    """What expressions see: the whole object when it is small; else without its largest fields, one after another."""
    value: dict[str, Any] = json.loads(json.dumps(dict(obj), allow_nan=False))
    value.get("metadata", {}).pop("managedFields", None)
    left_out: list[str] = []
    size = _size(value)
    if size > MAX_BYTES:
        parts = [(_size(parent[key]) + len(key), path, parent, key) for parent, key, path in _parts(value)]
        for part, path, parent, key in sorted(parts, key=lambda entry: entry[:2], reverse=True):
            del parent[key]
            left_out.append(path)
            size -= part
            if size <= MAX_BYTES:
                break
    return Shown(value, tuple(left_out))


def _parts(value: dict[str, Any]) -> list[tuple[dict[str, Any], str, str]]:
    """What may be left out: the fields of the status and of the metadata, and every other field as a whole."""
    found = []
    for name, child in value.items():
        if name in ("status", "metadata") and isinstance(child, dict) and child:
            found += [(child, inner, f"{name}.{inner}") for inner in child]
        else:
            found.append((value, name, name))
    return found


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def _fault(text: str, said: str) -> str:
    """What the compiler found, said as a person would."""
    unknown = _UNKNOWN.findall(said)
    if unknown:
        # the variable of a macro that is left out is found first
        left_out = next((name for name in unknown if name in _INSTEAD), None)
        if left_out is not None:
            return f"{left_out!r} cannot be used; {_INSTEAD[left_out]}"
        return f"{unknown[0]!r} is not known; write object.{unknown[0]} if it is a field of the resource"
    found = _WHERE.search(said)
    if found is None or int(found[1]) < 0:
        fault = "is nested too deeply" if "recursion" in said else "is not an expression"
        return f"{_quoted(text)} {fault}; write one like {EXAMPLE}"
    what = found[2].partition(" expecting ")[0].partition(" (in container")[0].removeprefix("Syntax error: ")
    hint = "write == to compare" if "'= " in what else f"write an expression like {EXAMPLE}"
    return f"{_quoted(text)} at character {found[1]}: {what.partition(' [')[0]}; {hint}"


def _quoted(text: str) -> str:
    shown_text = json.dumps(text, ensure_ascii=False).encode(errors="replace").decode()
    return shown_text if len(shown_text) <= SHOWN else f"{shown_text[:SHOWN]}…"
