"""CloudEvents 1.0 in the JSON format, read strictly and written in one form.

https://github.com/cloudevents/spec: spec.md for the attributes and their types, formats/json-format.md for the form.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from kronstream.domain.depth import LEVELS, too_deep
from kronstream.domain.event import Event
from kronstream.resources import uri
from kronstream.resources.scalars import SHOWN, quoted

MAX_BYTES = 65_536
AHEAD = 300_000
"""Milliseconds that an event's time may lie in the future: clocks differ."""

_NONCHARACTERS = r"\x{FDD0}-\x{FDEF}" + "".join(rf"\x{{{plane:X}FFFE}}\x{{{plane:X}FFFF}}" for plane in range(17))
_TEXT = rf"^[^\x00-\x1F\x7F-\x9F{_NONCHARACTERS}]*$"
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = rf'{_WORD}=(?:{_WORD}|"(?:[^"\\]|\\.)*")'
_MEDIA_TYPE = rf"^{_WORD}/{_WORD}(?:[ \t]*;[ \t]*(?:{_PARAMETER})?)*$"
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:)(\d\d)(\.\d+)?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999

INSTEAD: Mapping[str, str] = {
    "specversion": 'write "1.0"',
    "id": "write a text that no other event of this source has, without control characters",
    "source": "write a URI reference (RFC 3986), like /sensors/7 or https://example.com/a, other characters as %20",
    "type": "write what happened, without control characters, like com.example.order.created",
    "subject": "write a text without control characters, or leave it out",
    "time": "write a date, a time and an offset (RFC 3339), like 2026-12-24T18:00:00Z",
    "datacontenttype": "write a media type (RFC 2046), like application/json or text/plain; charset=utf-8",
    "dataschema": "write an absolute URI (RFC 3986), like https://example.com/order.json",
    "data_base64": "write what base64 (RFC 4648) makes of the bytes, with its padding",
}
_NAME = "an attribute's name has lower-case letters and digits alone, like platformid"
_VALUE = (
    "an attribute is a text without control characters, true, false, or a whole number from -2147483648 to 2147483647; "
    "put anything else into data"
)


class Unreadable(ValueError):  # noqa: N818 - a verdict on what came
    """What came is no event that can be used.

    ``reason`` is a word for programs: NotJson, TooLarge, TooDeep, UnknownVersion, NoType, FromTheFuture or Invalid.
    ``field`` is the attribute at fault, where it is one, and ``fault`` what is wrong and what to write instead.
    """

    def __init__(self, reason: str, fault: str, field: str = "") -> None:
        super().__init__(f"{field}: {fault}" if field else fault)
        self.reason = reason
        self.fault = fault
        self.field = field


def timestamp(text: object) -> int:
    """The milliseconds since 1970 of an RFC 3339 text; finer parts are cut off. Raises ValueError.

    A leap second is the first moment of the next minute.
    """
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("not RFC 3339")
    day, minute, second, fraction, sign, hours, minutes = found.groups()
    leap = second == "60"
    moment = datetime.fromisoformat(f"{day}T{minute}{'59' if leap else second}+00:00")
    ms = (moment - _EPOCH) // _MILLISECOND + (1_000 if leap else int(f"{fraction or '.'}000"[1:4]))
    if sign:
        shift = (int(hours) * 60 + int(minutes)) * 60_000
        ms += shift if sign == "-" else -shift
    if not _FIRST <= ms <= _LAST:
        raise ValueError("before the year 1 or past 9999")
    return ms


Text = Annotated[str, StringConstraints(pattern=_TEXT)]
Filled = Annotated[str, StringConstraints(pattern=_TEXT, min_length=1)]
Integer = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
Attribute = Annotated[str, StringConstraints(pattern="^[a-z0-9]+$")]


class CloudEvent(BaseModel):
    """The attributes as they came, each judged by its type; an attribute that is null is one that is not there."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
    __pydantic_extra__: dict[Attribute, Annotated[Text | bool | Integer | None, Field(union_mode="left_to_right")]]

    specversion: Literal["1.0"]
    type: Filled
    id: Filled
    source: Annotated[str, StringConstraints(pattern=uri.REFERENCE, min_length=1)]
    subject: Filled | None = None
    time: Annotated[int, BeforeValidator(timestamp)] | None = None
    datacontenttype: Annotated[str, StringConstraints(pattern=_MEDIA_TYPE)] | None = None
    # the type is called absolute, the specification's own JSON schema (format uri) takes a fragment, too
    dataschema: Annotated[str, StringConstraints(pattern=uri.URI)] | None = None
    data: Any = None
    data_base64: str | None = None


def read_event(text: str, now: int | None = None) -> Event:
    """The event of a structured JSON text, of at most 64 KiB and 32 levels. Raises Unreadable.

    ``now`` (ms) tells which times lie in the future: more than five minutes ahead.
    """
    value = parse(text, MAX_BYTES)
    # fewer brackets than levels, as in nearly all, need no look at the depth
    return of_value(value, now, flat=text.count("{") + text.count("[") <= LEVELS)


def of_value(value: Any, now: int | None = None, *, flat: bool = False) -> Event:
    """The event of parsed JSON (see ``parse``); ``flat`` is one that cannot be too deep. Raises Unreadable."""
    if not isinstance(value, dict):
        raise Unreadable("Invalid", f"an event is a JSON object, not {kind_of(value)}")
    if isinstance(value, _Doubled):
        raise Unreadable("Invalid", "is there twice; write each attribute once", value.twice)
    if not flat and too_deep(value):
        raise Unreadable("TooDeep", f"the event is nested more than {LEVELS} levels deep", "data")
    try:
        read = CloudEvent.model_validate(value)
    except ValidationError as error:
        raise _said(error, value) from None
    if now is not None and read.time is not None and read.time - now > AHEAD:
        ahead = (read.time - now) // 1_000
        raise Unreadable("FromTheFuture", f"is {ahead} s ahead of now; set the sender's clock", "time")
    data, in_base64 = _data(read)
    return Event(
        id=read.id,
        source=read.source,
        type=read.type,
        data=data,
        data_base64=in_base64,
        subject=read.subject,
        time=read.time,
        datacontenttype=read.datacontenttype,
        dataschema=read.dataschema,
        extensions={name: given for name, given in read.__pydantic_extra__.items() if given is not None},
    )


def write_event(event: Event) -> str:
    """The structured JSON text of an event. Raises Unreadable for one of more than 64 KiB."""
    text = json.dumps(event.dump(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if (size := len(text.encode())) > MAX_BYTES:
        raise too_large(size, MAX_BYTES)
    return text


def is_json(media_type: str | None) -> bool:
    """Whether data of this type is a JSON value; data without a type is."""
    if media_type is None or media_type == "application/json":
        return True
    return media_type.partition(";")[0].rstrip().lower().endswith(("/json", "+json"))


def too_large(size: int, most: int) -> Unreadable:
    """What is said of ``size`` bytes where ``most`` are allowed."""
    return Unreadable(
        "TooLarge", f"an event has {size} bytes of JSON and {most} are allowed; keep the data elsewhere and write its "
        "address into data",
    )  # fmt: skip


class _Doubled(dict[str, Any]):
    """A JSON object that has a key twice; the last one counts."""

    twice: str


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    doubled = _Doubled(found)
    names = [name for name, _ in pairs]
    doubled.twice = next(name for name in names if names.count(name) > 1)
    return doubled


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value


def _never(text: str) -> Any:
    raise ValueError(f"{text} is no JSON value")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_constant=_never)


def parse(text: str, most: int) -> Any:
    """The value of a JSON text of at most ``most`` bytes; all its texts can be written in UTF-8. Raises Unreadable."""
    if len(text) > most:
        raise too_large(len(text), most)
    try:
        if not text.isascii() and (size := len(text.encode())) > most:
            raise too_large(size, most)
        value = _DECODER.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no character
    except RecursionError:
        raise Unreadable("TooDeep", f"the JSON is nested far more than {LEVELS} levels deep") from None
    except UnicodeEncodeError:
        raise Unreadable("NotJson", "there is half of a surrogate pair; write whole characters, in UTF-8") from None
    except Unreadable:
        raise
    except ValueError as error:
        raise Unreadable("NotJson", f"is not JSON: {str(error)[:200]}") from None
    return value


def _data(read: CloudEvent) -> tuple[Any, str | None]:
    if read.data_base64 is None:
        if read.data is not None and not isinstance(read.data, str) and not is_json(read.datacontenttype):
            raise Unreadable(
                "Invalid", f"is {kind_of(read.data)}, and {quoted(read.datacontenttype)} is no JSON; write a "
                "text, or datacontenttype application/json", "data",
            )  # fmt: skip
        return read.data, None
    if read.data is not None:
        raise Unreadable("Invalid", "is there beside data_base64; write one of them", "data")
    try:
        raw = base64.b64decode(read.data_base64, validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("Invalid", f"is not base64; {INSTEAD['data_base64']}", "data_base64") from None
    if read.datacontenttype is None or not is_json(read.datacontenttype):
        return None, read.data_base64
    return json_data(raw, "data_base64"), None


def json_data(raw: bytes, field: str) -> Any:
    """The value of data that is said to be JSON. Raises Unreadable, naming the field."""
    try:
        value = parse(raw.decode(), MAX_BYTES)
    except UnicodeDecodeError:
        raise Unreadable("Invalid", "is not UTF-8, and its type says JSON", field) from None
    except Unreadable as error:
        reason = "Invalid" if error.reason == "NotJson" else error.reason
        raise Unreadable(reason, f"{error.fault}, and its type says JSON", field) from None
    if too_deep([value]):
        raise Unreadable("TooDeep", f"is nested more than {LEVELS - 1} levels deep", field)
    return value


def kind_of(value: object) -> str:
    """What a JSON value is, for a message."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list) else "a text" if isinstance(value, str) else "a number"


def _said(error: ValidationError, value: Mapping[str, Any]) -> Unreadable:
    """The first fault as a person would say it."""
    found = error.errors(include_url=False)[0]
    name = str(found["loc"][0]) if found["loc"] else ""
    if name == "specversion":
        given = value.get(name)
        fault = "is missing" if given is None else f"{quoted(given)} is not known here"
        return Unreadable("UnknownVersion", f"{fault}; {INSTEAD[name]}", name)
    # a name of no attribute has a place of its own, the value of one is one of several types
    if len(found["loc"]) == 1 and name not in CloudEvent.model_fields:
        return Unreadable("Invalid", f"is no attribute; {_NAME}", name[:SHOWN])
    given = value.get(name)
    fault = "is missing" if given is None else "is empty" if given == "" else f"{quoted(given)} cannot be used"
    reason = "NoType" if name == "type" and given in (None, "") else "Invalid"
    return Unreadable(reason, f"{fault}; {INSTEAD.get(name, _VALUE)}", name[:SHOWN])
