"""Patterns of event types: a type, or one with ``*`` in the place of whole segments (``workflow.*``)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

MAX_LENGTH = 255
ANY = "*"
GRAMMAR = r"([*]|[^\x00-\x20\x7f.*]+)([.]([*]|[^\x00-\x20\x7f.*]+))*"
"""Segments with dots between them: each ``*``, or without spaces and ``*``. For RE2 and for Python."""
INSTEAD = (
    "write the type of the events, like workflow.completed, with * in the place of a whole segment for any, "
    "like workflow.*"
)

_WHOLE = re.compile(GRAMMAR)
_SHOWN = 64


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which event types are meant; ``segments`` are what stands between the dots."""

    text: str
    segments: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Pattern:
        """Of a text of 1 to 255 characters; raises ValueError with what is wrong and what to write."""
        if len(text) > MAX_LENGTH:
            raise ValueError(f"has {len(text)} characters; write at most {MAX_LENGTH}")
        if not _WHOLE.fullmatch(text):
            raise ValueError(f"{_quoted(text)} {_fault(text)}; {INSTEAD}")
        return cls(text, tuple(text.split(".")))

    @property
    def exact(self) -> bool:
        """Whether one type alone is meant."""
        return ANY not in self.segments

    def matches(self, type: str) -> bool:  # noqa: A002 - CloudEvents' own word
        """Whether events of this type are meant; ``*`` stands for exactly one segment, which is not empty."""
        found = type.split(".")
        return len(found) == len(self.segments) and all(
            (own == ANY and segment != "") or own == segment for own, segment in zip(self.segments, found, strict=True)
        )


def _fault(text: str) -> str:
    if not text:
        return "is empty"
    if "**" in text:
        return "would stand for any number of segments, and * stands for exactly one"
    if any(segment != ANY and ANY in segment for segment in text.split(".")):
        return "has a * beside other characters, and it stands for a whole segment"
    if "" in text.split("."):
        return "has nothing before, after or between two dots"
    return "has spaces or control characters"


def _quoted(text: str) -> str:
    shown = json.dumps(text, ensure_ascii=False).encode(errors="replace").decode()
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
