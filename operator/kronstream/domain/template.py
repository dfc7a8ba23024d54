"""Templates: texts with CEL expressions in them, as ``https://example.com/jobs/${job.name}?since=${last.nominal}``.

``${…}`` is an expression over the names below, ``$${`` a literal ``${``. The names are those of conditions where both
have one:

- ``run.id``, ``run.trigger`` (schedule, manual, event, retry or backfill), ``run.trace`` (32 hexadecimal digits):
  texts. ``run.nominal`` (when it was due), ``run.deadline`` (when this attempt times out): timestamps.
  ``run.previous``: the nominal time of the scheduled run before as RFC 3339 text, null when there was none; the
  library takes no timestamp that may be null, and ``timestamp(…)`` makes one of it. ``run.attempt``,
  ``run.maxAttempts``: numbers.
- ``job.namespace``, ``job.name``: texts; ``job.platformId``: a text, or null.
- ``last.nominal``, ``last.run``: nominal time, as ``run.previous``, and run id of the job's last success, null before
  the first.
- ``payload``: any JSON; ``has(payload.name)`` tells whether a field is there.

What an expression gives is put in as text: a timestamp as RFC 3339 in UTC, a list or map as JSON, null as nothing.
``json(x)`` gives the JSON of any value, a text in its quotes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any

from kronstream.domain.expression import SHOWN, Kind, Language, error_in, moment, shown, text_value

MAX_DATA = 16_384
"""Bytes of JSON a payload may have for a template to use it."""
MAX_DEPTH = 32
MAX_EXPRESSIONS = 32
MAX_JSON = 262_144
"""Characters that json(x) may give: inside itself it doubles the quotes each time."""
EXAMPLE = "${payload.name}"

NAMES: Mapping[str, Kind] = {
    "run.id": "STRING",
    "run.trigger": "STRING",
    "run.trace": "STRING",
    "run.nominal": "TIMESTAMP",
    "run.deadline": "TIMESTAMP",
    "run.previous": "DYN",
    "run.attempt": "INT",
    "run.maxAttempts": "INT",
    "job.namespace": "STRING",
    "job.name": "STRING",
    "job.platformId": "DYN",
    "last.nominal": "DYN",
    "last.run": "DYN",
    "payload": "DYN",
}
_MAYBE_INSTANTS = ("run.previous", "last.nominal")


class Unfilled(ValueError):  # noqa: N818 - what became of a template
    """An expression that gave nothing to put in; the text names it and says why."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One ``${…}``: its text, without the braces, and the library's program."""

    text: str
    program: Any = field(repr=False, compare=False)


@dataclass(frozen=True)
class Values:
    """What the names stand for. Instants are milliseconds; ``previous`` and ``last`` (nominal, run id) may be None."""

    run: Mapping[str, Any]
    job: Mapping[str, Any]
    payload: Any = None
    last: tuple[int, str] | None = None

    @cached_property
    def data(self) -> Mapping[str, Any]:
        """As the library takes them, without the payload. Raises OverflowError for an instant past the year 9999."""
        nominal, run = self.last or (None, None)
        groups = {"run": self.run, "job": self.job, "last": {"nominal": nominal, "run": run}}
        found = {}
        for name, kind in NAMES.items():
            group, _, own = name.partition(".")
            if own:
                value = groups[group][own]
                found[name] = value if value is None or kind == "INT" else _value(name, kind, value)
        return found

    @cached_property
    def with_payload(self) -> Mapping[str, Any]:
        """The same with the payload. Raises ValueError for one that is too large or too deep for an expression."""
        fault = _unfit(self.payload)
        if fault is not None:
            raise ValueError(f"payload {fault}")
        size = len(json.dumps(self.payload, ensure_ascii=False, separators=(",", ":")).encode())
        if size > MAX_DATA:
            raise ValueError(f"payload has {size} bytes of JSON, and templates can use one of at most {MAX_DATA}")
        return {**self.data, "payload": self.payload}


class Template:
    """A text taken apart: ``parts`` are literal texts and expressions, in order."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[str | Expression, ...]) -> None:
        self.parts = parts

    @property
    def fixed(self) -> bool:
        """Whether nothing is put in."""
        return all(isinstance(part, str) for part in self.parts)

    def pieces(self, values: Values) -> Iterator[tuple[bool, str]]:
        """The texts of the parts, each with whether an expression gave it. Raises Unfilled."""
        for part in self.parts:
            yield (False, part) if isinstance(part, str) else (True, _fill(part, values))

    def render(self, values: Values) -> str:
        """The whole text. Raises Unfilled."""
        return "".join(text for _, text in self.pieces(values))


def compile(text: str) -> Template:  # noqa: A001 - the field's own word, always written template.compile
    """Take a text apart and read its expressions; raises ValueError with what is wrong with which, and an example."""
    parts: list[str | Expression] = []
    literal, at, count = "", 0, 0
    while True:
        start = text.find("${", at)
        if start < 0:
            break
        if start > at and text[start - 1] == "$":
            literal += text[at : start - 1] + "${"
            at = start + 2
            continue
        end = _end(text, start + 2)
        if end is None:
            raise ValueError(
                f"{shown(text[start:])} has no closing brace; write {EXAMPLE}, or $${{ for the two characters"
            )
        count += 1
        if count > MAX_EXPRESSIONS:
            raise ValueError(f"has more than {MAX_EXPRESSIONS} expressions; write fewer")
        parts += [literal + text[at:start], _read(text[start + 2 : end])]
        literal, at = "", end + 1
    return Template(tuple(part for part in (*parts, literal + text[at:]) if part != ""))


def _end(text: str, at: int) -> int | None:
    """Where the brace is that closes the expression which begins at `at`; braces in texts do not count."""
    depth, quote = 0, ""
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char == "{":
            depth += 1
        elif char == "}":
            if depth == 0:
                return at
            depth -= 1
        at += 1
    return None


def _read(text: str) -> Expression:
    if not text.strip():
        raise ValueError(f"has an expression of nothing; write one like {EXAMPLE}")
    return Expression(text, _program(text))


def _value(name: str, kind: Kind, value: Any) -> Any:
    if kind == "TIMESTAMP":
        return moment(value)
    return written(moment(value)) if name in _MAYBE_INSTANTS else text_value(value)


def _json(value: Any) -> str:
    # sorted: the library has maps in no order, and what is sent again has to be the same
    text = json.dumps(
        value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False, default=written
    )
    if len(text) > MAX_JSON:
        raise ValueError(f"it gives {len(text)} characters of JSON, and {MAX_JSON} are allowed")
    return text


def written(value: Any) -> str:
    """What JSON has no word for: a timestamp as RFC 3339, a duration in seconds. Raises TypeError for all else."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds").replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.15g}s"
    raise TypeError(f"{type(value).__name__} is no JSON")


LANGUAGE = Language(
    NAMES,
    EXAMPLE,
    instead={
        "matches": 'write contains, startsWith or endsWith, like payload.name.contains("x")',
        "loop": "write the place of what is meant, like payload.items[0], or payload.items for all as JSON",
        "time": "write it with nothing in the brackets: the clock is UTC",
    },
    functions={"json": _json},
)
_program = lru_cache(maxsize=4_096)(LANGUAGE.compile)


def _fill(expression: Expression, values: Values) -> str:
    try:
        data = values.with_payload if "payload" in expression.text else values.data
        answer = expression.program.eval(data=data)
        why = error_in(answer)
        if why is None:
            return _as_text(answer.type().name(), answer.plain_value())
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        why = str(error)
    text = expression.text if len(expression.text) <= SHOWN else f"{expression.text[:SHOWN]}…"
    raise Unfilled(f"${{{text}}} cannot be told: {why}")


def _as_text(kind: str, value: Any) -> str:
    if isinstance(value, str) and kind == "STRING":
        return value
    if value is None:
        return ""
    if isinstance(value, (datetime, timedelta)):
        return written(value)
    if isinstance(value, (bool, int, float, list, dict)):
        return _json(value)
    raise ValueError(f"it gives {kind.lower()}, which is no text; write string(…) around it")


def _unfit(value: Any) -> str | None:
    """Why the library cannot have a payload: it would not survive great depth, and ends a text at a NUL."""
    layer = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for node in layer:
            if isinstance(node, dict):
                below += [*node.keys(), *node.values()]
            elif isinstance(node, list):
                below += node
            elif isinstance(node, str) and "\0" in node:
                return "holds a NUL character"
        if not below:
            return None
        layer = below
    return f"is nested more than {MAX_DEPTH} levels deep"
