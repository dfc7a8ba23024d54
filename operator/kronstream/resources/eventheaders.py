"""The binary mode of CloudEvents over HTTP: attributes in headers, the data as the body.

https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md, section 3.1.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from kronstream.domain.event import Event
from kronstream.resources.cloudevent import Unreadable, is_json, json_data, of_value
from kronstream.resources.scalars import SHOWN

PREFIX = "ce-"
_BY_OTHER_MEANS: Mapping[str, str] = {
    "datacontenttype": "say it in the header Content-Type",
    "data": "send it as the body",
    "data_base64": "send the bytes as the body",
}
_PRINTABLE = re.compile(r"[\t -~]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")
_BARE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_ENCODED = re.compile(r"[^!-~]|[\"%]")
_TEXTUAL = re.compile(r"text/[^;]+|application/xml\b|[^;/]+/[^;]+\+xml\b", re.IGNORECASE)
_CHARSET = re.compile(r';\s*charset="?([^";\s]+)', re.IGNORECASE)


def of_headers(headers: Mapping[str, str], body: bytes, now: int | None = None) -> Event:
    """The event of a request. Raises Unreadable, whose field is a header or ``body``."""
    value: dict[str, Any] = {}
    media_type = None
    for given, text in headers.items():
        name = given.lower()
        if name == "content-type":
            media_type = text.strip() or None
        elif name.startswith(PREFIX):
            attribute = name.removeprefix(PREFIX)
            if attribute in _BY_OTHER_MEANS:
                raise Unreadable("Invalid", f"is no header of an event; {_BY_OTHER_MEANS[attribute]}", name)
            if not attribute:
                raise Unreadable("Invalid", "names no attribute; write it behind, like ce-id", name)
            if attribute in value:
                raise Unreadable("Invalid", "is there twice; send each header once", name)
            value[attribute] = _decoded(name[:SHOWN], text)
    if media_type is not None:
        value["datacontenttype"] = media_type
    try:
        return of_value(value | _data(media_type, body), now)
    except Unreadable as error:
        raise Unreadable(error.reason, error.fault, _header(error.field)) from None


def to_headers(event: Event) -> tuple[dict[str, str], bytes]:
    """The headers and the body of an event."""
    told = event.dump()
    data, in_base64, media_type = (told.pop(name, None) for name in ("data", "data_base64", "datacontenttype"))
    headers = {f"{PREFIX}{name}": _encoded(_canonical(value)) for name, value in told.items()}
    if in_base64 is not None:
        # bytes of no said type would be read as JSON where they look like it
        media_type = media_type or "application/octet-stream"
        body = base64.b64decode(in_base64)
    elif data is None:
        body = b""
    elif is_json(media_type):
        # in JSON a type that is not said is JSON, in HTTP it has to be said
        media_type = media_type or "application/json"
        body = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    else:
        body = str(data).encode()
    if media_type is not None:
        headers["content-type"] = media_type
    return headers, body


def charset(media_type: str) -> str:
    """The charset that a media type names, in lower case; utf-8 where it names none."""
    found = _CHARSET.search(media_type)
    return found[1].lower() if found else "utf-8"


def _data(media_type: str | None, body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    if media_type is None:
        try:
            return {"data": json_data(body, "data")}  # what is not said is JSON where it can be
        except Unreadable:
            pass
    if media_type is not None and is_json(media_type):
        return {"data": json_data(body, "data")}
    if media_type is not None and _TEXTUAL.match(media_type) and charset(media_type) in ("utf-8", "us-ascii"):
        try:
            return {"data": body.decode()}
        except UnicodeDecodeError:
            pass  # kept as the bytes that they are
    return {"data_base64": base64.b64encode(body).decode()}


def _header(field: str) -> str:
    if field in ("data", "data_base64"):
        return "body"
    return "content-type" if field == "datacontenttype" else f"{PREFIX}{field}" if field else ""


def _canonical(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | int) else str(value)


def _encoded(text: str) -> str:
    return _ENCODED.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text)


def _decoded(name: str, text: str) -> str:
    """The text of a header: quoted parts are unescaped, then what is percent-encoded is decoded, once."""
    text = text.strip(" \t")
    if not _PRINTABLE.fullmatch(text):
        raise Unreadable("Invalid", "has other characters than printable ASCII; write them as %C3%A4", name)
    if '"' in text:
        text = _QUOTED.sub(lambda found: _ESCAPE.sub(r"\1", found[1]), text) if _balanced(text) else text
        if not _balanced(text):
            raise Unreadable("Invalid", "has a quote that is not closed; write it as %22", name)
    if "%" not in text:
        return text
    if _BARE_PERCENT.search(text):
        raise Unreadable("Invalid", "has a % without two hexadecimal digits; write it as %25", name)
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise Unreadable("Invalid", "is not UTF-8 once it is percent-decoded", name) from None


def _balanced(text: str) -> bool:
    return '"' not in _QUOTED.sub("", text)
