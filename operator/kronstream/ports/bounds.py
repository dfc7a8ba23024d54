"""The bounds of what an attempt may leave in its record, in bytes of UTF-8."""

from __future__ import annotations

MESSAGE = 2_048
TRACEBACK = 8_192
OUTPUT = 16_384
RESULT = 65_536
RESULT_DEPTH = 32


def head(text: str, limit: int) -> str:
    """The beginning of a text within `limit` bytes; what cannot be encoded is replaced."""
    data = text[:limit].encode("utf-8", "replace")
    if len(data) <= limit and len(text) <= limit:
        return data.decode()
    return data[: limit - 3].decode("utf-8", "ignore") + "…"


def tail(text: str, limit: int) -> str:
    """The end of a text within `limit` bytes; what cannot be encoded is replaced."""
    data = text[-limit:].encode("utf-8", "replace")
    if len(data) <= limit and len(text) <= limit:
        return data.decode()
    return "…" + data[3 - limit :].decode("utf-8", "ignore")
