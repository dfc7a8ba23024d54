"""What every CEL expression of a resource has in common: which names it may use, what is left out, what faults say.

Names are declared with their types, so that a misspelt name and an operation that cannot be are found when the
expression is read, not when the run is due.

Left out of CEL is whatever lets one text stop a whole process, each tried: the macros that loop (nested loops,
memory), ``matches`` (some patterns take a second, with the interpreter's lock held), and the functions of a timestamp
that take a zone (they open any file they are given, and reading a pipe never ends).
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Literal

MAX_LENGTH = 1_024
MAX_TEXT = 2_048  # bytes of a text that a name stands for
SHOWN = 64

Kind = Literal["STRING", "INT", "TIMESTAMP", "DYN"]

LOOPS = ("all", "exists", "exists_one", "filter", "map")
# the functions of a timestamp, and the form of each that takes a zone
OF_A_TIME: Mapping[str, str] = {
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

_SCALARS = ("STRING", "INT", "UINT", "DOUBLE", "BOOL", "NULL", "TIMESTAMP", "DURATION")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHERE = re.compile(r"ERROR: <input>:-?\d+:(-?\d+): (.*)")
_UNKNOWN = re.compile(r"undeclared reference to '([^']*)'")
_OPERATOR = re.compile(r"'_(.+?)_'")


@dataclass(frozen=True)
class Language:
    """The names of a kind of expressions, by their types, and an example for the messages.

    ``instead`` tells by the name of what is left out (``has``, ``matches``, ``loop`` for the macros that loop, ``time``
    for a timestamp's functions with a zone) what to write; ``has`` is left out when it is there. ``functions`` are
    further ones, each of any value, giving a text.
    """

    names: Mapping[str, Kind]
    example: str
    instead: Mapping[str, str]
    functions: Mapping[str, Any] = field(default_factory=dict)

    def compile(self, text: str) -> Any:
        """The library's program for a text; raises ValueError with what is wrong and what to write."""
        if len(text) > MAX_LENGTH:
            raise ValueError(f"has {len(text)} characters; write at most {MAX_LENGTH}")
        try:
            text.encode()
            return self._environment.compile(text)
        except (RuntimeError, UnicodeEncodeError) as error:
            raise ValueError(self._fault(text, str(error))) from None

    def values(self, data: Mapping[str, Any]) -> Any:
        """What the names stand for, read once, for many programs: the argument ``activation`` of their ``eval``."""
        return self._environment.Activation(data=data)

    @cached_property
    def _macros(self) -> tuple[str, ...]:
        return ("has", *LOOPS) if "has" in self.instead else LOOPS

    @cached_property
    def _left_out(self) -> frozenset[str]:
        return frozenset({*self._macros, *OF_A_TIME, "matches"})

    @cached_property
    def _environment(self) -> Any:
        """The native library is loaded here, when the first expression is read."""
        from cel_expr_python import cel  # noqa: PLC0415

        zoned = ", ".join(
            f"{{name: {name}, overloads: [{{id: timestamp_to_{form}}}]}}" for name, form in OF_A_TIME.items()
        )
        config = cel.NewEnvConfigFromYaml(
            f"stdlib: {{exclude_macros: [{', '.join(self._macros)}], exclude_functions: [{{name: matches}}, {zoned}]}}"
        )
        variables = {name: getattr(cel.Type, kind) for name, kind in self.names.items()}
        # one overload for each type: one of anything is found when an expression is read, not when it is evaluated
        kinds = {kind: getattr(cel.Type, kind) for kind in _SCALARS}
        kinds |= {"LIST": cel.Type.List(cel.Type.DYN), "MAP": cel.Type.Map(cel.Type.DYN, cel.Type.DYN)}
        functions = [
            cel.FunctionDecl(
                name,
                [
                    cel.Overload(f"{name}_{kind.lower()}", cel.Type.STRING, [found], impl=call)
                    for kind, found in kinds.items()
                ],
            )
            for name, call in self.functions.items()
        ]
        return cel.NewEnv(config=config, variables=variables, functions=functions)

    def _fault(self, text: str, said: str) -> str:
        """What the compiler found, said as a person would."""
        unknown = _UNKNOWN.findall(said)
        if unknown:
            # the variable of a macro that is left out is found first
            name = next((name for name in unknown if name in self._left_out), unknown[0])
            known = "cannot be used" if name in self._left_out else "is not known"
            return f"{name!r} {known}; {self._instead(name)}"
        found = _WHERE.search(said)
        if found is None or int(found[1]) < 0:
            fault = "is nested too deeply" if "recursion" in said else "is not an expression"
            return f"{shown(text)} {fault}; write one like {self.example}"
        what = found[2].partition(" expecting ")[0].partition(" (in container")[0].removeprefix("Syntax error: ")
        hint = "write == to compare" if "'= " in what else f"write an expression like {self.example}"
        what = _OPERATOR.sub(r"\1", what.partition(" [")[0])
        return f"{shown(text)} at character {found[1]}: {what}; {hint}"

    def _instead(self, name: str) -> str:
        if name in self._left_out:
            kind = "loop" if name in LOOPS else "time" if name in OF_A_TIME else name
            return self.instead[kind]
        first, dot, rest = name.partition(".")
        inside = [known for known in self.names if known.startswith(f"{first}.")]
        if name == first and inside:
            return f"write one of {', '.join(inside)}"
        whole = next((known for known in self.names if known.endswith(f".{first}")), None)
        if whole is not None and not inside:
            return f"write {whole}{dot}{rest}"
        head = ".".join(name.split(".")[:2])
        near = difflib.get_close_matches(head, self.names, 1, 0.6)
        if near:
            return f"write {near[0]}{name.removeprefix(head)}"
        return f"write one of {', '.join(inside or self.names)}"


def moment(ms: int) -> datetime:
    """The timestamp of milliseconds since 1970. Raises OverflowError past the year 9999."""
    return _EPOCH + timedelta(milliseconds=ms)


def text_value(value: object) -> str:
    """A text as an expression sees it: its first 2,048 bytes."""
    text = str(value)
    if text.isascii() and len(text) <= MAX_TEXT:
        return text
    # half a surrogate pair, which JSON can carry, is no text for the library
    return text[:MAX_TEXT].encode(errors="replace")[:MAX_TEXT].decode(errors="ignore")


def error_in(answer: Any) -> str | None:
    """What went wrong when an expression was evaluated, None when nothing did."""
    if answer.type().name() != "ERROR":
        return None
    said = str(answer.plain_value())
    return said.partition(": ")[2] or said


def shown(value: object) -> str:
    """A value as a message shows it: one line, not longer than a line."""
    text = value.isoformat() if isinstance(value, datetime) else json.dumps(value, ensure_ascii=False)
    text = text.encode(errors="replace").decode()
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
