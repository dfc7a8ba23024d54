"""CEL over an event: the filter of a handler, the key of its dedupe and its debounce, and its transform.

Every name is declared with its type, so that a misspelt one and a comparison that cannot be are found when the
expression is read:

- ``event.id``, ``event.source``, ``event.type``: texts. ``event.subject``, ``event.platformid``, ``event.traceid``,
  ``event.namespace``: texts, empty where the event has none. ``event.time``: a timestamp, 1970-01-01T00:00:00Z where it
  has none.
- ``event.data``: any JSON, null where there is none; ``has(event.data.name)`` tells whether a field is there.
- ``event.extensions``: the event's attributes beyond the specification's, by name.

The event is converted once for all handlers. Of data or extensions that are too large, too deep or hold what the
library cannot take, expressions see nothing: to need them is an error that says why. What is left out of CEL, and why:
``expression``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kronstream.domain.depth import LEVELS, too_deep
from kronstream.domain.event import Event
from kronstream.domain.expression import MAX_LENGTH, Kind, Language, error_in, moment, shown, text_value
from kronstream.domain.run import digest
from kronstream.domain.template import written

MAX_DATA = 16_384
"""Bytes of JSON that the data of an event may have for expressions to see it."""
MAX_KEY = 256
EXAMPLE = 'event.data.status == "completed"'
KEY_EXAMPLE = "event.data.order_id"
TRANSFORM_EXAMPLE = '{"order": event.data.order_id}'

NAMES: Mapping[str, Kind] = {
    "event.id": "STRING",
    "event.source": "STRING",
    "event.type": "STRING",
    "event.subject": "STRING",
    "event.time": "TIMESTAMP",
    "event.platformid": "STRING",
    "event.traceid": "STRING",
    "event.namespace": "STRING",
    "event.extensions": "DYN",
    "event.data": "DYN",
}
LANGUAGE = Language(
    NAMES,
    EXAMPLE,
    instead={
        "matches": 'write contains, startsWith or endsWith, like event.source.startsWith("/orders")',
        "loop": "write the place of what is meant, like event.data.items[0], or use in, like "
        '"urgent" in event.data.tags',
        "time": "write it with nothing in the brackets: the clock is UTC",
    },
)

_NO_TEXT = '""'
_EMPTY = {"event.data": "null", "event.time": 'timestamp("1970-01-01T00:00:00Z")', "event.extensions": "{}"}
_ASKED = re.compile(rf"\bhas\s*\(\s*({'|'.join(map(re.escape, NAMES))})\s*\)")
_TEXT = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_MISSING = re.compile(r'Key not found in map : "?(.*?)"?$')
_MIXED = re.compile(r"No matching overloads found : _?(.+?)_?\((.*)\)")
_CODE = re.compile(r" \[[A-Z_]+\]$")
_NO_VALUE = re.compile(r'No value with name "([^"]*)"')


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a filter lets an event through, and why not; ``error`` when that cannot be told, and then it does not."""

    holds: bool
    why: str = ""
    error: bool = False

    def __bool__(self) -> bool:
        return self.holds


class Seen:
    """What expressions see of one event."""

    __slots__ = ("data", "faults", "values")

    def __init__(self, data: Mapping[str, Any], faults: Mapping[str, str]) -> None:
        self.data = data
        self.faults = faults  # by name, what is wrong with a value that is left out
        self.values = LANGUAGE.values(data)


_PASSED = Verdict(holds=True)


class Filter:
    """A compiled filter; ``compile`` gives the same object for the same text."""

    __slots__ = ("_program", "_stopped", "text")

    def __init__(self, text: str, program: Any) -> None:
        self.text = text
        self._program = program
        self._stopped = Verdict(holds=False, why=f"is false: {text}")

    def holds(self, seen: Seen) -> Verdict:
        """Whether the event passes: only when the expression gives true. Raises nothing."""
        try:
            answer = self._program.eval(activation=seen.values)
            # the plain value of an error is a text, and so true
            if answer.type().name() == "BOOL":
                return _PASSED if answer.value() is True else self._stopped
            why = _why_not(self.text, answer, seen) or f"it gives {answer.type().name().lower()}, not true or false"
        except RuntimeError as error:
            why = _said(error)
        return Verdict(holds=False, why=f"cannot be told: {why}", error=True)

    def told(self, seen: Seen) -> str:
        """The expression and what its names stand for: for people, and slower than ``holds``."""
        named = [name for name in NAMES if re.search(rf"\b{re.escape(name)}\b", self.text)]
        values = ", ".join(f"{name} is {shown(seen.data[name])}" for name in named if name in seen.data)
        return f"{self.text} ({values})" if values else self.text


class Key:
    """A compiled key: events that give the same text are of one kind."""

    __slots__ = ("_program", "text")

    def __init__(self, text: str, program: Any) -> None:
        self.text = text
        self._program = program

    def of(self, seen: Seen) -> str:
        """The text of an event, of at most 256 characters: a longer one is a digest of it. Raises ValueError."""
        value = _value(self.text, self._program, seen)
        if value is None:
            raise ValueError(f"{shown(self.text)} gives null, which tells nothing apart; write what every event has")
        text = value if isinstance(value, str) else _json(self.text, value)
        return text if len(text) <= MAX_KEY else digest(text)


class Transform:
    """A compiled transform: what it gives is the payload."""

    __slots__ = ("_program", "text")

    def __init__(self, text: str, program: Any) -> None:
        self.text = text
        self._program = program

    def of(self, seen: Seen) -> Any:
        """Any JSON. Raises ValueError."""
        return json.loads(_json(self.text, _value(self.text, self._program, seen)))


def seen(event: Event) -> Seen:
    """What expressions see of an event, for all handlers. Raises nothing."""
    data: dict[str, Any] = {
        "event.id": text_value(event.id),
        "event.source": text_value(event.source),
        "event.type": text_value(event.type),
        "event.subject": text_value(event.subject or ""),
        "event.platformid": text_value(event.platform or ""),
        "event.traceid": text_value(event.trace or ""),
        "event.namespace": text_value(event.namespace or ""),
    }
    faults = {}
    try:
        data["event.time"] = moment(event.time or 0)
    except OverflowError:
        faults["event.time"] = "is past the year 9999"
    for name, value in (("event.data", event.data), ("event.extensions", dict(event.extensions))):
        fault = _unfit(value)
        if fault is None:
            data[name] = value
        else:
            faults[name] = fault
    return Seen(data, faults)


@lru_cache(maxsize=4_096)
def compile(text: str) -> Filter:  # noqa: A001 - the field's own word, always written filter.compile
    """Read a filter of 1 to 1,024 characters; raises ValueError with what is wrong and an example."""
    program = _read(text, EXAMPLE)
    given = _gives(program)
    if given not in ("BOOL", "DYN"):
        raise ValueError(f"{shown(text)} gives {given.lower()}, not true or false; write a comparison like {EXAMPLE}")
    return Filter(text, program)


@lru_cache(maxsize=4_096)
def compile_key(text: str) -> Key:
    """Read a key; raises ValueError as ``compile``."""
    program = _read(text, KEY_EXAMPLE)
    given = _gives(program)
    if given in ("NULL", "BYTES", "TYPE"):
        raise ValueError(f"{shown(text)} gives {given.lower()}, which is no text; write one like {KEY_EXAMPLE}")
    return Key(text, program)


@lru_cache(maxsize=4_096)
def compile_transform(text: str) -> Transform:
    """Read a transform; raises ValueError as ``compile``."""
    program = _read(text, TRANSFORM_EXAMPLE)
    given = _gives(program)
    if given in ("BYTES", "TYPE"):
        raise ValueError(f"{shown(text)} gives {given.lower()}, which is no JSON; write one like {TRANSFORM_EXAMPLE}")
    return Transform(text, program)


def _read(text: str, example: str) -> Any:
    if not text.strip() and len(text) <= MAX_LENGTH:
        raise ValueError(f"is empty; write an expression like {example}, or leave it out")
    # the library takes a name for what it stands for, whatever has() is to tell of it
    asked = _ASKED.search(_TEXT.sub(_NO_TEXT, text[:MAX_LENGTH]))
    if asked:
        instead = f"{asked[1]} != {_EMPTY.get(asked[1], _NO_TEXT)}"
        raise ValueError(f"has({asked[1]}) cannot be asked, for it always has a value; write {instead}")
    return LANGUAGE.compile(text)


def _gives(program: Any) -> str:
    """The type of what a program gives, without those inside of it."""
    return str(program.return_type().name()).partition("<")[0]


def _value(text: str, program: Any, seen: Seen) -> Any:
    try:
        answer = program.eval(activation=seen.values)
        why = _why_not(text, answer, seen)
        if why is None:
            return answer.plain_value()
    except RuntimeError as error:
        why = _said(error)
    raise ValueError(f"{shown(text)} cannot be told: {why}")


def _why_not(text: str, answer: Any, seen: Seen) -> str | None:
    """What went wrong when an expression was evaluated, as a person would say it; None when nothing did.

    It tells nothing that the event holds.
    """
    said = error_in(answer)
    if said is None:
        return None
    unseen = _NO_VALUE.search(said)
    if unseen:
        return f"{unseen[1]} {seen.faults[unseen[1]]}"
    missing = _MISSING.search(said)
    if missing:
        # a key that is not written there was taken from the event
        key = f"{missing[1]!r:.80}" if missing[1] in text else "such key"
        return f"there is no {key}; ask with has(…) first where it may be missing"
    mixed = _MIXED.search(said)
    if mixed:
        return f"there is no {mixed[1]} for ({mixed[2]}); compare what has the same type"
    if "non-message type" in said:
        return "what is asked for a field is no object; compare it first, like event.data != null && …"
    return said


def _said(error: RuntimeError) -> str:
    said = str(error)
    return _CODE.sub("", said.partition(": ")[2] or said)


def _unfit(value: Any) -> str | None:
    """Why the library cannot have a value: size, depth, a NUL at which it ends a text, or half a surrogate pair."""
    if value is None or value == {}:
        return None
    try:
        text = _ENCODE(value)
        size = len(text.encode())
    except UnicodeEncodeError:
        return "holds half a surrogate pair"
    except (TypeError, ValueError, RecursionError):
        return "is not JSON, or is nested too deeply to be read"
    if size > MAX_DATA:
        return f"has {size} bytes of JSON, and expressions see at most {MAX_DATA}"
    # a NUL is written as \u0000, and so is a backslash before these characters, which is rare
    if "\\u0000" in text:
        return "holds a NUL character, or what looks like one"
    return (
        f"is nested more than {LEVELS} levels deep"
        if text.count("[") + text.count("{") > LEVELS and too_deep(value)
        else None
    )


def _json(text: str, value: Any) -> str:
    # sorted: the library has maps in no order, and what comes again has to be the same
    try:
        return json.dumps(
            value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False, default=written
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"{shown(text)} gives what is no JSON: {error}") from None
