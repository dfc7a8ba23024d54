"""A function's parameters: which of them get the payload, a key of it, or the Run, and of which types.

The payload is given as it is to a function's only parameter, or the one called `payload`, that is not annotated or
annotated as Any or as a dict of anything. A parameter called `payload`, and an only one whose type is a model (of
pydantic, a dataclass, a TypedDict), gets the whole payload as that type. Otherwise each parameter gets the payload's
key of its name.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from kronstream.worker.context import Run
from kronstream.worker.intake import Input, Intake, Keys, Part, Whole

WANTED = "annotate it with what JSON can be read into, such as int, list[str], a dataclass or a pydantic model"

_RUN = re.compile(r"\bRun\b")
_EMPTY = inspect.Parameter.empty
_DICTS = (dict, Mapping, MutableMapping)


class HandlerError(ValueError):
    """A function that cannot be offered, and why."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a function is called with: positional and named parts, or what an intake makes of the payload."""

    args: tuple[Part, ...] = ()
    kwargs: tuple[tuple[str, Part], ...] = ()
    intake: Intake | None = None


def shape_of(name: str, target: Callable[..., Any], plain: Callable[..., Any], place: str) -> Shape:
    """The shape of a function; `plain` is what decorators and partials wrap. Raises HandlerError."""
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):  # built in: it cannot be asked
        return Shape(("payload",))
    told = _Told(name, place, plain, parameters)
    if not told.inputs:
        return _whole(told, None) if told.rest is None else _by_keys(told)
    first = told.inputs[0]
    if not told.only and first.name != "payload":
        return _by_keys(told)
    kind = told.type_of(first)
    if _untyped(kind):
        return _whole(told, None)
    if first.name == "payload" or _is_model(kind):
        return _whole(told, told.adapter(first, kind))
    return _by_keys(told)


class _Told:
    """The parameters of one function, taken apart."""

    def __init__(self, name: str, place: str, plain: Callable[..., Any], parameters: list[inspect.Parameter]) -> None:
        self.title, self.place = name, place
        inner = plain if hasattr(plain, "__code__") else getattr(type(plain), "__call__", None)  # noqa: B004 - its code is meant
        code = getattr(inner, "__code__", None)
        self.own = frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] if code else ())
        self.names: dict[str, Any] = getattr(inner, "__globals__", {})
        stars = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        self.all = [one for one in parameters if one.kind not in stars]
        self.rest = next((one for one in parameters if one.kind is inspect.Parameter.VAR_KEYWORD), None)
        self.runs = [one for one in self.all if self._means_run(one)]
        self.inputs = [one for one in self.all if one not in self.runs]
        self.only = len(self.inputs) == 1 and self.rest is None
        if len(self.runs) > 1:
            raise self.error(
                f"takes the Run twice, as {self.runs[0].name!r} and as {self.runs[1].name!r}; take it once"
            )

    def error(self, fault: str) -> HandlerError:
        return HandlerError(f"{self.title!r} at {self.place} {fault}")

    def type_of(self, parameter: inspect.Parameter) -> Any:
        """The annotation, with the names in it looked up where the function is defined."""
        if parameter.annotation is _EMPTY:
            return Any
        holder = types.SimpleNamespace(__annotations__={"it": parameter.annotation})
        try:
            return get_type_hints(holder, globalns=self.names, include_extras=True)["it"]
        except Exception as error:  # noqa: BLE001 - evaluating a person's text may raise anything
            raise self.error(
                f"annotates {parameter.name!r} with {str(parameter.annotation)[:100]!r}, which is not known when the "
                f"function is registered ({type(error).__name__}: {str(error)[:100]}); import it at the top of the "
                "module, not under TYPE_CHECKING"
            ) from None

    def _means_run(self, parameter: inspect.Parameter) -> bool:
        kind = parameter.annotation
        if parameter.name == "run":
            return True
        if isinstance(kind, str):  # from __future__ import annotations
            if not _RUN.search(kind):
                return False
            try:
                kind = self.type_of(parameter)
            except HandlerError:
                return True  # imported for type checkers alone
        return kind is Run or Run in get_args(kind)

    def adapter(self, parameter: inspect.Parameter, kind: Any) -> TypeAdapter[Any]:
        if isinstance(parameter.default, FieldInfo):
            raise self.error(
                f"has a Field as the default of {parameter.name!r}; write it into the annotation: "
                f"{parameter.name}: Annotated[…, Field(…)]"
            )
        try:
            return TypeAdapter(kind)
        except Exception as error:  # noqa: BLE001 - types may have code of their own
            raise self.error(
                f"takes {parameter.name!r} as {_shown(kind)}, which pydantic cannot read a payload into "
                f"({str(error).splitlines()[0][:200]}); {WANTED}"
            ) from None


def _whole(told: _Told, adapter: TypeAdapter[Any] | None) -> Shape:
    args: list[Part] = []
    kwargs: list[tuple[str, Part]] = []
    for parameter in told.all:
        part: Part = "run" if parameter in told.runs else "payload"
        if part == "payload" and parameter is not told.inputs[0]:
            if parameter.default is _EMPTY:
                raise told.error(
                    f"needs {parameter.name!r} beside the whole payload, and nothing can be given for it; write a "
                    "default, or name no parameter payload: then each gets the payload's key of its name"
                )
            continue
        if parameter.kind is parameter.POSITIONAL_ONLY or (parameter is told.all[0] and part == "payload"):
            args.append(part)
        else:
            kwargs.append((parameter.name, part))
    if adapter is None:
        return Shape(tuple(args), tuple(kwargs))
    return Shape(intake=Whole(told.title, adapter, tuple(args), tuple(kwargs)))


def _by_keys(told: _Told) -> Shape:
    inputs = []
    for parameter in told.all:
        positional = parameter.kind is parameter.POSITIONAL_ONLY
        if parameter in told.runs:
            inputs.append(Input(parameter.name, is_run=True, positional=positional))
            continue
        kind, default = told.type_of(parameter), parameter.default
        adapter = None if kind is Any else told.adapter(parameter, kind)
        inputs.append(
            Input(parameter.name, _shown(kind), adapter, False, positional, default is _EMPTY, default)
        )  # fmt: skip
    others = None
    if told.rest is not None:
        others = told.adapter(told.rest, dict[str, told.type_of(told.rest)])  # type: ignore[misc]
    reserved = told.own | {one.name for one in told.all}
    return Shape(intake=Keys(told.title, tuple(inputs), others, reserved))


def _untyped(kind: Any) -> bool:
    if kind in (Any, object):
        return True
    if (get_origin(kind) or kind) not in _DICTS:
        return False
    return get_args(kind) in ((), (str, Any), (str, object), (Any, Any))


def _is_model(kind: Any) -> bool:
    """Whether a type is one of objects with fields of their own, or a choice of such."""
    if get_origin(kind) is Annotated:
        return _is_model(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return all(one is type(None) or _is_model(one) for one in get_args(kind))
    kind = get_origin(kind) or kind
    if not isinstance(kind, type):
        return False
    typed_dict = hasattr(kind, "__required_keys__")  # of typing as of typing_extensions
    return issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind) or typed_dict


def _shown(kind: Any) -> str:
    return (kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("typing.", ""))[:100]
