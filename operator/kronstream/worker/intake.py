"""Reading a payload into the types that a function declares, with a message that names every field at fault."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic import TypeAdapter, ValidationError

from kronstream.logs import masked
from kronstream.worker.context import Run
from kronstream.worker.rulings import Fault

SHOWN = 60  # characters of a key or a value that a message repeats
FAULTS = 20  # fields that a message names
UNFIT = "InvalidPayload"

Part = Literal["payload", "run"]
Arguments = tuple[list[Any], dict[str, Any]]

_SECRET = re.compile(r"pass|secret|token|credential|api_?key", re.IGNORECASE)
_EXPECTED = re.compile(r"Input should be ")


class Intake(Protocol):
    """Reads payloads for one function."""

    @property
    def takes_run(self) -> bool:
        """Whether the function takes a Run."""
        ...

    def arguments(self, payload: Any, run: Callable[[], Run]) -> Arguments:
        """What the function is called with. Raises Fault, which rules out another attempt, for what does not fit."""
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """The whole payload is one value of a type; `args` and `kwargs` tell where it goes."""

    function: str
    adapter: TypeAdapter[Any]
    args: tuple[Part, ...]
    kwargs: tuple[tuple[str, Part], ...]

    @property
    def takes_run(self) -> bool:
        """See Intake."""
        return "run" in self.args or any(part == "run" for _, part in self.kwargs)

    def arguments(self, payload: Any, run: Callable[[], Run]) -> Arguments:
        """See Intake."""
        faults: list[str] = []
        value = _read(self.adapter, payload, "payload", faults)
        if faults:
            raise _unfit(self.function, faults)
        args = [value if part == "payload" else run() for part in self.args]
        return args, {name: value if part == "payload" else run() for name, part in self.kwargs}


@dataclass(frozen=True, slots=True)
class Input:
    """A parameter that gets the payload's key of its name, or the Run; `wanted` is its type in words.

    No adapter leaves the value as it is.
    """

    name: str
    wanted: str = ""
    adapter: TypeAdapter[Any] | None = None
    is_run: bool = False
    positional: bool = False
    required: bool = True
    default: Any = None


@dataclass(frozen=True, slots=True)
class Keys:
    """Each parameter gets a key of the payload; `others` reads the rest for a function that takes any.

    `reserved` are names that a key must not have, because the function has a use of its own for them.
    """

    function: str
    inputs: tuple[Input, ...]
    others: TypeAdapter[dict[str, Any]] | None
    reserved: frozenset[str]

    @property
    def takes_run(self) -> bool:
        """See Intake."""
        return any(one.is_run for one in self.inputs)

    def arguments(self, payload: Any, run: Callable[[], Run]) -> Arguments:
        """See Intake."""
        if payload is None:
            payload = {}  # a job without a payload: what is missing is told by name
        if not isinstance(payload, dict):
            raise _unfit(self.function, [f"payload is {_shown(payload)}, wanted is an object with {self._known()}"])
        faults: list[str] = []
        args: list[Any] = []
        kwargs = self._rest(payload, faults)
        for one in self.inputs:
            if one.is_run:
                value: Any = run
            elif one.name in payload:
                value = _read(one.adapter, payload[one.name], _path("payload", (one.name,)), faults)
            elif one.required:
                faults.append(f"payload.{one.name} is missing, wanted is {one.wanted}")
                continue
            else:
                value = one.default
            if one.positional:
                args.append(value)
            else:
                kwargs[one.name] = value
        if faults:
            raise _unfit(self.function, faults)
        # made last: what it would say of a payload that does not fit is nobody's
        args = [run() if value is run else value for value in args]
        return args, {name: run() if value is run else value for name, value in kwargs.items()}

    def _rest(self, payload: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
        known = {one.name for one in self.inputs if not one.is_run}
        rest = {name: value for name, value in payload.items() if name not in known}
        unknown = rest if self.others is None else [name for name in rest if name in self.reserved]
        faults += [f"{_path('payload', (name,))} is not known, known are {self._known()}" for name in unknown]
        if self.others is None or unknown or not rest:
            return {}
        found = _read(self.others, rest, "payload", faults)
        return found if isinstance(found, dict) else {}

    def _known(self) -> str:
        return ", ".join(one.name for one in self.inputs if not one.is_run) or "no keys"


def _read(adapter: TypeAdapter[Any] | None, value: Any, path: str, faults: list[str]) -> Any:
    """The value as the adapter's type; what does not fit is added to the faults.

    It is read as JSON, so that a strict type, too, takes a date as text.
    """
    if adapter is None:
        return value
    try:
        return adapter.validate_json(json.dumps(value))
    except ValidationError as error:
        faults += _told(error, path)
        return None


def _told(error: ValidationError, path: str) -> Iterable[str]:
    for one in error.errors(include_url=False, include_context=False)[: FAULTS + 1]:
        where = _path(path, one["loc"])
        if one["type"] == "missing":
            yield f"{where} is missing"
        elif one["type"] == "extra_forbidden":
            yield f"{where} is not known"
        else:
            expected = _EXPECTED.sub("", one["msg"], count=1)
            shown = "not shown here" if _SECRET.search(where) else _shown(one["input"])
            yield f"{where} is {shown}, wanted is {masked(expected)}"


def _path(start: str, keys: Iterable[int | str]) -> str:
    text = start
    for key in keys:
        if isinstance(key, str) and key.isidentifier() and len(key) <= SHOWN:
            text += f".{key}"
        else:
            text += f"[{json.dumps(key)[:SHOWN]}]"
    return text


def _shown(value: Any) -> str:
    """A value as a message tells it; what is inside others is not shown, for it may be large or secret."""
    if isinstance(value, dict):
        return f"an object of {len(value)} keys"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = masked(json.dumps(value[: SHOWN + 1] if isinstance(value, str) else value, default=repr))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _unfit(function: str, faults: list[str]) -> Fault:
    more = len(faults) - FAULTS
    told = [*faults[:FAULTS], f"and {more} more"] if more > 0 else faults
    return Fault(UNFIT, f"the payload does not fit {function}: {'; '.join(told)}", permanent=True)
