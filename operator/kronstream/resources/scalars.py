"""The scalar types of the resources: each reads its text, knows its bounds and writes its own part of the CRD.

A value that does not fit is a `PydanticCustomError` of type `invalid` with `fault` and `instead` in its context; the
same `instead` is the message of the CEL rule, so a person reads the same words from `kubectl apply` and in the status.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

from kronstream.domain import duration, quantity
from kronstream.resources import instant

IN_MS = "x-kronstream-ms"  # marks a schema whose default is in milliseconds
SHOWN = 64  # characters of a refused value that a message repeats


def invalid(fault: str, instead: str, at: str = "") -> PydanticCustomError:
    """The error of a value that cannot be used; `at` leads to the child that is meant, `.timeZone` or `[2]`."""
    return PydanticCustomError("invalid", "{fault}; {instead}", {"fault": fault, "instead": instead, "at": at})


def quoted(value: object) -> str:
    """A value as a message shows it: on one line, not longer than a line."""
    text = repr(value[: SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= SHOWN + 2 else f"{text[:SHOWN]}…"


def each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    """The texts of a list of type `set`; one that is there twice is an error."""
    for index, value in enumerate(values):
        if value in values[:index]:
            raise invalid(f"{quoted(value)} is there already", "write each once", at=f"[{index}]")
    return values


@dataclass(frozen=True)
class Span:
    """A duration between two bounds, both allowed; milliseconds in Python, text such as `2h30m` in YAML."""

    low: str
    high: str

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        low, high, instead = duration.parse(self.low), duration.parse(self.high), self.instead

        def read(value: object) -> int:
            try:
                ms = duration.parse(value) if isinstance(value, str) else -1
            except ValueError:
                ms = -1
            if not low <= ms <= high:
                raise invalid(f"{quoted(value)} is not a duration from {self.low} to {self.high}", instead)
            return ms

        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(duration.render)
        )

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        rule = f"{cel_is_duration('self')} && [{cel_ms('self')}].all(ms, {cel_bounds(self)})"
        return {
            "type": "string",
            "maxLength": duration.MAX_LENGTH,
            "x-kubernetes-validations": [{"rule": rule, "message": self.instead}],
            IN_MS: True,
        }

    @property
    def instead(self) -> str:
        return f"write a duration from {self.low} to {self.high}, as numbers with units, like 1500ms, 90s or 2h30m"


# so many digits that no sum overflows CEL's integers, and all that a bound can need
_CEL_GRAMMAR = "^([0-9]{1,10}(s|m|h|d)|[0-9]{1,11}ms)+$"


def cel_is_duration(path: str) -> str:
    """The CEL expression for whether the text at `path` matches the grammar."""
    return f"{path}.matches('{_CEL_GRAMMAR}')"


def cel_ms(path: str) -> str:
    """The CEL expression for the milliseconds of the duration at `path`, which must match the grammar."""
    units = "p.endsWith('d') ? 86400000 : p.endsWith('h') ? 3600000 : p.endsWith('m') ? 60000 : 1000"
    part = f"p.endsWith('ms') ? int(p.replace('ms', '')) : int(p.substring(0, p.size() - 1)) * ({units})"
    return f"{path}.findAll('[0-9]+[a-z]+').map(p, {part}).sum()"


def cel_bounds(span: Span) -> str:
    """The CEL expression for whether `ms` lies in the span."""
    return f"ms >= {duration.parse(span.low)} && ms <= {duration.parse(span.high)}"


@dataclass(frozen=True)
class Amount:
    """An amount of memory between two bounds, both allowed; bytes in Python, text such as `256Mi` in YAML."""

    low: str
    high: str

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        low, high = quantity.parse(self.low), quantity.parse(self.high)

        def read(value: object) -> int:
            try:
                size = quantity.parse(value) if isinstance(value, str) else -1
            except ValueError:
                size = -1
            if not low <= size <= high:
                raise invalid(f"{quoted(value)} is not an amount from {self.low} to {self.high}", self.instead)
            return size

        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(quantity.render)
        )

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        bounds = [
            f"quantity(self).compareTo(quantity('{self.low}')) >= 0",
            f"quantity(self).compareTo(quantity('{self.high}')) <= 0",
        ]
        rule = " && ".join([f"self.matches('^{quantity.PATTERN}$')", *bounds])
        return {
            "type": "string",
            "maxLength": quantity.MAX_LENGTH,
            "x-kubernetes-validations": [{"rule": rule, "message": self.instead}],
        }

    @property
    def instead(self) -> str:
        return f"write an amount of memory from {self.low} to {self.high}, like 256Mi or 1.5Gi"


@dataclass(frozen=True)
class Words:
    """A text that fits a pattern as a whole. `noun` and `instead` are for the message; the pattern has no anchors."""

    noun: str
    pattern: str
    maximum: int
    instead: str

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        whole = re.compile(self.pattern)

        def read(value: object) -> str:
            if not isinstance(value, str) or len(value) > self.maximum or not whole.fullmatch(value):
                raise invalid(f"{quoted(value)} is not {self.noun}", self.instead)
            return value

        return core_schema.no_info_plain_validator_function(read)

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        rule = {"rule": f"self.matches(r'^({self.pattern})$')", "message": self.instead}
        return {"type": "string", "maxLength": self.maximum, "x-kubernetes-validations": [rule]}


@dataclass(frozen=True)
class Taken:
    """Texts that fit the type before it and mean something else; `fault` and `instead` are for the message."""

    texts: tuple[str, ...]
    fault: str
    instead: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def check(value: object) -> object:
            if value in self.texts:
                raise invalid(f"{quoted(value)} {self.fault}", self.instead)
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        known = handler(schema)
        texts = ", ".join(f"'{text}'" for text in self.texts)
        own = {"rule": f"!(self in [{texts}])", "message": f"{self.fault}; {self.instead}"}
        return {**known, "x-kubernetes-validations": [*known["x-kubernetes-validations"], own]}


@dataclass(frozen=True)
class Refused:
    """Texts that begin with `pattern` are refused with words of their own, whatever the type before it says of them.

    `{}` in `instead` is the first match of `part` in what follows, or `example` where there is none.
    """

    pattern: str
    fault: str
    instead: str
    part: str
    example: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        begins, part = re.compile(self.pattern), re.compile(self.part)

        def check(value: object) -> object:
            if isinstance(value, str) and (start := begins.match(value)):
                found = part.search(value.replace(start[0], "").strip(" \t"))
                instead = self.instead.format(found[0] if found else self.example)
                raise invalid(f"{quoted(value)} {self.fault}", instead)
            return value

        return core_schema.no_info_before_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        known = handler(schema)
        begins = f"self.matches(r'^({self.pattern})')"
        part = f"self.replace(self.find(r'^({self.pattern})'), '').trim().find(r'{self.part}')"
        before, after = self.instead.split("{}")
        words = f"{part} == '' ? '{before}{self.example}{after}' : '{before}' + {part} + '{after}'"
        own = {
            "rule": f"!{begins}",
            "message": self.instead.format(self.example),
            "messageExpression": words,
        }
        # one refusal is enough: where this one speaks, the others are silent
        others = [{**rule, "rule": f"{begins} || {rule['rule']}"} for rule in known["x-kubernetes-validations"]]
        return {**known, "x-kubernetes-validations": [own, *others]}


@dataclass(frozen=True)
class Moment:
    """An instant; milliseconds since 1970 in Python, RFC 3339 text in YAML.

    `ours` is one that the operator writes: made from milliseconds too, and judged by the API server by its format.
    """

    ours: bool = False

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def read(value: object) -> int:
            if self.ours and isinstance(value, int):
                return value
            if not isinstance(value, str):
                raise invalid(f"{quoted(value)} is not an instant", instant.INSTEAD)
            try:
                return instant.parse(value)
            except ValueError as fault:
                raise invalid(str(fault), instant.INSTEAD) from None

        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(instant.render)
        )

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        text: JsonSchemaValue = {"type": "string", "maxLength": instant.MAX_LENGTH}
        if self.ours:
            return {**text, "format": "date-time"}
        rule = {"rule": f"self.matches(r'^{instant.PATTERN}$')", "message": instant.INSTEAD}
        return {**text, "x-kubernetes-validations": [rule]}


Instant = Annotated[int, Moment()]
"""Written by people: the CEL rule says what to write."""

Stamp = Annotated[int, Moment(ours=True)]
"""Written by the operator."""

FunctionName = Annotated[
    str,
    Words(
        "a function's name",
        "[A-Za-z0-9_][A-Za-z0-9_.:/-]*",
        128,
        "write the name the handler is registered under: letters, digits and _ . : / - (128 at most), "
        "like cleanup:old_traces",
    ),
]
QueueName = Annotated[
    str,
    Words(
        "a queue's name",
        "[a-z0-9]([a-z0-9-]*[a-z0-9])?",
        63,
        "write lower-case letters, digits and '-', with a letter or digit at both ends (63 at most), "
        "like default or gpu-jobs",
    ),
]
AccountName = Annotated[
    str,
    Words(
        "a service account's name",
        r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*",
        253,
        "write lower-case letters, digits, '-' and '.', with a letter or digit at both ends (253 at most), "
        "like default",
    ),
]
FailureCode = Annotated[
    str,
    Words(
        "a failure's name",
        "[A-Za-z_][A-Za-z0-9_.:-]*[*]?",
        200,
        "write the class name of an error, http:503, http:5xx, exit:3, timeout, worker_lost or crashed; "
        "a name may end in *",
    ),
]
GroupName = Annotated[
    str,
    Words(
        "a group's name",
        "[a-z0-9]([a-z0-9-]*[a-z0-9])?",
        63,
        "write lower-case letters, digits and '-', with a letter or digit at both ends (63 at most), like database",
    ),
]
