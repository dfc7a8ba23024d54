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

What is left out of CEL, and why: ``expression``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kronstream.domain import zone
from kronstream.domain.expression import MAX_LENGTH, Kind, Language, error_in, moment, shown, text_value
from kronstream.domain.run import State

EXAMPLE = 'last.status != "failed"'

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
# its texts have less than 16 KiB together
LANGUAGE = Language(
    NAMES,
    EXAMPLE,
    instead={
        "has": f"every name always has a value: write a comparison like {EXAMPLE}",
        "matches": 'write contains, startsWith or endsWith, like last.message.contains("disk full")',
        "loop": f"there are no lists to look through: write a comparison like {EXAMPLE}",
        "time": "write it with nothing in the brackets for UTC, or run.hour, run.weekday … for the job's zone",
    },
)

_OVER = frozenset(state.value for state in State if state.terminal)
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
        values = ", ".join(f"{name} is {shown(data[name])}" for name in named)
        return f"{self.text} ({values})" if values else self.text


@lru_cache(maxsize=4_096)
def compile(text: str) -> Condition:  # noqa: A001 - the field's own word, always written condition.compile
    """Read an expression; raises ValueError with what is wrong and an example.

    It must give true or false, and have 1 to 1,024 characters.
    """
    if not text.strip() and len(text) <= MAX_LENGTH:
        raise ValueError(f"is empty; write an expression like {EXAMPLE}, or leave it out")
    program = LANGUAGE.compile(text)
    given = program.return_type().name()
    if given not in ("BOOL", "DYN"):
        raise ValueError(f"{shown(text)} gives {given.lower()}, not true or false; write a comparison like {EXAMPLE}")
    return Condition(text, program)


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
    local = moment((second + zone.load(run.get("zone") or "UTC").offset(second)) * 1000)
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
        return moment(value)
    return text_value(value) if kind == "STRING" else int(value)


def _unusable(answer: Any) -> str:
    said = error_in(answer)
    if said is None:
        return f"it gives {answer.type().name().lower()}, not true or false"
    missing = _NO_VALUE.search(str(answer.plain_value()))
    if missing:
        return f"{missing[1]} has no value yet, because the last run is not over"
    return said
