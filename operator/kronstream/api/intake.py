"""Bodies on their way in: bounded, of a known type, JSON that means one thing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from kronstream.api.problem import Problem, invalid

MAX_BYTES = 262_144
MAX_DEPTH = 34  # what carries a payload may have two levels more than it
Receive = Callable[[], Awaitable[Any]]
# atomic, and an open text goes to the end: no body makes it look twice
_PARTS = re.compile(rb'"(?:[^"\\]++|\\.|\\\Z)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)
JSON_TYPES = ("application/json", "text/json")


class Left(Exception):  # noqa: N818 - what happened
    """The caller went away before its request was whole."""


async def read_body(headers: Mapping[str, str], receive: Receive, most: int = MAX_BYTES) -> bytes:
    """The whole body. Raises Problem 413 for a larger one, as soon as that is known, and Left."""
    told = headers.get("content-length", "")
    if told.isdigit() and int(told[:20]) > most:
        raise _too_large(most)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Left
        body += message.get("body", b"")
        if len(body) > most:
            raise _too_large(most)
        if not message.get("more_body", False):
            return bytes(body)


def judge_json(content_type: str, body: bytes) -> None:
    """Raises Problem 415 for another type, 400 for what is no JSON, says a field twice, or is nested too deeply."""
    media_type, _, rest = content_type.partition(";")
    if media_type.strip().lower() not in JSON_TYPES:
        shown = repr(media_type.strip()[:64]) if media_type.strip() else "no Content-Type"
        raise Problem(415, f"{shown} is not read here; write Content-Type: application/json")
    if "charset" in rest.lower() and "utf-8" not in rest.lower() and "ascii" not in rest.lower():
        raise Problem(415, "JSON is UTF-8; write Content-Type: application/json")
    if deeper(body, MAX_DEPTH):
        raise invalid("", f"the body is nested more than {MAX_DEPTH} levels deep; write it flatter")
    try:
        text = body.decode()
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_constant, parse_float=_float)
        json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate is no character
    except UnicodeError:
        raise invalid("", "the body is not UTF-8, or names half a character; write it in UTF-8") from None
    except _Twice as twice:
        raise invalid(str(twice)[:100], "is written twice; write it once") from None
    except (ValueError, RecursionError) as fault:
        raise invalid("", f"the body is not JSON: {str(fault)[:200]}") from None


def deeper(body: bytes, most: int) -> bool:
    """Whether brackets are nested deeper than that; texts are passed over. It needs no parser, so that none suffers."""
    if body.count(b"[") + body.count(b"{") <= most:
        return False
    depth = 0
    for found in _PARTS.finditer(body):
        mark = found[0]
        if mark in (b"[", b"{"):
            depth += 1
            if depth > most:
                return True
        elif mark in (b"]", b"}"):
            depth -= 1
    return False


class _Twice(Exception):  # noqa: N818 - which field
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not a number of JSON")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("a number is too large")
    return value


def _too_large(most: int) -> Problem:
    return Problem(413, f"the body has more than {most} bytes; write a smaller one")
