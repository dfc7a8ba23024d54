"""Conditions: a CEL expression that says whether a due run starts (``spec.runIf``).

Every name is declared with its type, so a misspelt name and a comparison that cannot be are found when the expression
is read, not when the run is due:

- ``job.namespace``, ``job.name``: texts.
- ``run.id``: text. ``run.trigger``: schedule, manual, event, retry or backfill. ``run.nominal``: the instant the run
  was due, as a CEL timestamp, because texts can be neither compared with other offsets nor subtracted.
  ``run.year``, ``run.month`` (1-12), ``run.day`` (1-31), ``run.weekday`` (0 is Sunday), ``run.hour``, ``run.minute``:
  the same instant on the clock of the job's zone.
- ``last.status``: none before the first run, else the state of the run before. ``last.startedAt`` and
  ``last.finishedAt``: timestamps, 1970-01-01T00:00:00Z before the first run. ``last.durationMs``: 0 before the first
  run. ``last.message``. ``last.consecutiveFailures``.

What a last run that is not over does not have yet has no value: an expression that needs it is an error, and an error
never starts a run. One that was over before it started has the times of none.

Left out of CEL is whatever lets one text stop a whole operator, each tried: the macros (nested loops, memory),
``matches`` (some patterns take a second, with the interpreter's lock held), and the functions of a timestamp that take
a zone (they open any file they are given, and reading a pipe never ends).
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from kronstream.domain import zone
from kronstream.domain.run import State

MAX_LENGTH = 1_024
MAX_TEXT = 2_048  # bytes; the texts there are have less than 16 KiB together
SHOWN = 64
EXAMPLE = 'last.status != "failed"'

Kind = Literal["STRING", "INT", "TIMESTAMP"]
NAMES: Mapping[str, Kind] = {
    "job.namespace": "STRING",
    "job.name": "STRING",
    "run.id": "STRING",
    "run.trigger": "STRING",
    "run.nominal": "TIMESTAMP",
    "run.year": "INT",
    "run.month": "INT",
    "run.day": "INT",
    "run.weekday": "INT",
    "run.hour": "INT",
    "run.minute": "INT",
    "last.status": "STRING",
    "last.startedAt": "TIMESTAMP",
    "last.finishedAt": "TIMESTAMP",
    "last.durationMs": "INT",
    "last.message": "STRING",
    "last.consecutiveFailures": "INT",
}
BEFORE_THE_FIRST: Mapping[str, str | int] = {
    "status": "none",
    "startedAt": 0,
    "finishedAt": 0,
    "durationMs": 0,
    "message": "",
    "consecutiveFailures": 0,
}

_MACROS = ("has", "all", "exists", "exists_one", "filter", "map")
# the functions of a timestamp, and the form of each that takes a zone
_OF_A_TIME = {
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
_LEFT_OUT = {*_MACROS, *_OF_A_TIME, "matches"}
_OVER = frozenset(state.value for state in State if state.terminal)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHERE = re.compile(r"ERROR: <input>:-?\d+:(-?\d+): (.*)")
_UNKNOWN = re.compile(r"undeclared reference to '([^']*)'")
_OPERATOR = re.compile(r"'_(.+?)_'")
_NO_VALUE = re.compile(r'No value with name "([^"]*)"')


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a condition holds, and why not: a sentence for people, empty when it does."""

    holds: bool
    why: str = ""

    def __bool__(self) -> bool:
        return self.holds


class Condition:
    """A compiled expression; ``compile`` gives the same object for the same text."""

    __slots__ = ("_program", "text")

    def __init__(self, text: str, program: Any) -> None:
        self.text = text
        self._program = program

    def holds(self, job: Mapping[str, Any], run: Mapping[str, Any], last: Mapping[str, Any] | None) -> Verdict:
        """Whether the run may start: true only when the expression gives true, and false for every error.

        Plain values by the names of the module's docstring; instants are milliseconds. ``run`` may carry ``zone`` (the
        job's, UTC when left out) instead of the clock's fields. ``last`` is None before the first run; None as a value
        is one that is not there yet. Raises nothing. An expression sees the first 2,048 bytes of each text.
        """
        try:
            data = _data(job, run, last)
        except (ValueError, OverflowError) as error:
            return Verdict(holds=False, why=f"cannot be told: {error}")
        try:
            answer = self._program.eval(data=data)
        except RuntimeError as error:
            return Verdict(holds=False, why=f"cannot be told: {str(error).partition(': ')[2]}")
        # the plain value of an error is a text, and so true
        if answer.type().name() != "BOOL":
            return Verdict(holds=False, why=f"cannot be told: {_unusable(answer)}")
        if answer.value() is not True:
            return Verdict(holds=False, why=f"is false: {self._seen(data)}")
        return Verdict(holds=True)

    def _seen(self, data: Mapping[str, Any]) -> str:
        """The expression and what its names stood for."""
        named = [name for name in NAMES if name in data and re.search(rf"\b{re.escape(name)}\b", self.text)]
        values = ", ".join(f"{name} is {_shown(data[name])}" for name in named)
        return f"{self.text} ({values})" if values else self.text


@lru_cache(maxsize=4_096)
def compile(text: str) -> Condition:  # noqa: A001 - the field's own word, always written condition.compile
    """Read an expression; raises ValueError with what is wrong and an example.

    It must give true or false, and have 1 to 1,024 characters.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"has {len(text)} characters; write at most {MAX_LENGTH}")
    if not text.strip():
        raise ValueError(f"is empty; write an expression like {EXAMPLE}, or leave it out")
    try:
        text.encode()
        program = _environment().compile(text)
    except (RuntimeError, UnicodeEncodeError) as error:
        raise ValueError(_fault(text, str(error))) from None
    given = program.return_type().name()
    if given not in ("BOOL", "DYN"):
        raise ValueError(f"{_shown(text)} gives {given.lower()}, not true or false; write a comparison like {EXAMPLE}")
    return Condition(text, program)


@lru_cache(maxsize=1)
def _environment() -> Any:
    """The names and functions there are. The native library is loaded here, when a job first has a condition."""
    from cel_expr_python import cel  # noqa: PLC0415

    zoned = ", ".join(
        f"{{name: {name}, overloads: [{{id: timestamp_to_{form}}}]}}" for name, form in _OF_A_TIME.items()
    )
    config = cel.NewEnvConfigFromYaml(
        f"stdlib: {{exclude_macros: [{', '.join(_MACROS)}], exclude_functions: [{{name: matches}}, {zoned}]}}"
    )
    return cel.NewEnv(config=config, variables={name: getattr(cel.Type, kind) for name, kind in NAMES.items()})


def _data(job: Mapping[str, Any], run: Mapping[str, Any], last: Mapping[str, Any] | None) -> dict[str, Any]:
    groups = {"job": job, "run": {**_clock(run), **run}, "last": _told(last)}
    data: dict[str, Any] = {}
    for name, kind in NAMES.items():
        group, _, field = name.partition(".")
        value = groups[group].get(field)
        if value is not None:
            data[name] = _value(kind, value)
    return data


def _told(last: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What is known of the run before; one that was over before it started has the times of none."""
    if last is None or last["status"] == "none":
        return BEFORE_THE_FIRST
    there = {name: value for name, value in last.items() if value is not None}
    return {**(BEFORE_THE_FIRST if last["status"] in _OVER else {"message": ""}), **there}


def _clock(run: Mapping[str, Any]) -> dict[str, int]:
    """The nominal instant as the clocks of the job's zone show it."""
    second = run["nominal"] // 1000
    local = _EPOCH + timedelta(seconds=second + zone.load(run.get("zone") or "UTC").offset(second))
    return {
        "year": local.year,
        "month": local.month,
        "day": local.day,
        "weekday": local.isoweekday() % 7,
        "hour": local.hour,
        "minute": local.minute,
    }


def _value(kind: Kind, value: Any) -> Any:
    if kind == "TIMESTAMP":
        return _EPOCH + timedelta(milliseconds=value)
    if kind == "STRING":
        # half a surrogate pair, which JSON can carry, is no text for the library
        return str(value)[:MAX_TEXT].encode(errors="replace")[:MAX_TEXT].decode(errors="ignore")
    return int(value)


def _unusable(answer: Any) -> str:
    if answer.type().name() != "ERROR":
        return f"it gives {answer.type().name().lower()}, not true or false"
    said = str(answer.plain_value())
    missing = _NO_VALUE.search(said)
    if missing:
        return f"{missing[1]} has no value yet, because the last run is not over"
    return said.partition(": ")[2] or said


def _fault(text: str, said: str) -> str:
    """What the compiler found, said as a person would."""
    unknown = _UNKNOWN.findall(said)
    if unknown:
        # the variable of a macro that is left out is found first
        name = next((name for name in unknown if name in _LEFT_OUT), unknown[0])
        return f"{name!r} {'cannot be used' if name in _LEFT_OUT else 'is not known'}; {_instead(name)}"
    found = _WHERE.search(said)
    if found is None or int(found[1]) < 0:
        fault = "is nested too deeply" if "recursion" in said else "is not an expression"
        return f"{_shown(text)} {fault}; write one like {EXAMPLE}"
    what = found[2].partition(" expecting ")[0].partition(" (in container")[0].removeprefix("Syntax error: ")
    hint = "write == to compare" if "'= " in what else f"write an expression like {EXAMPLE}"
    what = _OPERATOR.sub(r"\1", what.partition(" [")[0])
    return f"{_shown(text)} at character {found[1]}: {what}; {hint}"


def _instead(name: str) -> str:
    if name == "has":
        return f"every name always has a value: write a comparison like {EXAMPLE}"
    if name == "matches":
        return 'write contains, startsWith or endsWith, like last.message.contains("disk full")'
    if name in _MACROS:
        return f"there are no lists to look through: write a comparison like {EXAMPLE}"
    if name in _OF_A_TIME:
        return "write it with nothing in the brackets for UTC, or run.hour, run.weekday … for the job's zone"
    near = difflib.get_close_matches(name, NAMES, 1, 0.6)
    if near:
        return f"write {near[0]}"
    group = name.partition(".")[0]
    inside = [known for known in NAMES if known.startswith(f"{group}.")]
    return f"write one of {', '.join(inside or NAMES)}"


def _shown(value: object) -> str:
    text = value.isoformat() if isinstance(value, datetime) else json.dumps(value, ensure_ascii=False)
    text = text.encode(errors="replace").decode()
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
