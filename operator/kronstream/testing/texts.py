"""Texts as a store keeps them."""

import re


def storable(text: str) -> str:
    """What is not valid Unicode is replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")


def storable_or_none(text: str | None) -> str | None:
    """As ``storable``; None stays None."""
    return None if text is None else storable(text)


ATTEMPT_MESSAGE = 512
_HALF = re.compile(rb"[\xc0-\xff][\x80-\xbf]*$")


def cut(text: str) -> str:
    """The beginning of a message as the list of attempts keeps it (``ending.lua``)."""
    data = text.encode()
    return text if len(data) <= ATTEMPT_MESSAGE else _HALF.sub(b"", data[:ATTEMPT_MESSAGE]).decode() + "…"


def beginning(text: str, limit: int) -> str:
    """As many bytes of a text as may be kept, without half a character at the end."""
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")
