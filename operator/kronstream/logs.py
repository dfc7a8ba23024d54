"""Logging: standard records, one line each as text or JSON, without passwords."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from itertools import chain
from typing import Any, TextIO

# every repetition is bounded: a text made to be slow must not be
_PASSWORD = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]{0,20}://)(?P<user>[^\s:/@]{0,128}):\S{0,512}@", re.IGNORECASE)
_QUERIED = re.compile(r"(?P<key>[?&](?:sentinel_|ssl_)?password=)[^&\s\"']{1,512}", re.IGNORECASE)
# what ends a line, moves a terminal's cursor or colours it
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime", "taskName"}
_INTERNAL = frozenset({"k8s_skip", "settings"})  # kopf's own, never for people
_BOUND: ContextVar[Callable[[], Mapping[str, object]]] = ContextVar("bound", default=dict)
TEXT_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def bind(fields: Callable[[], Mapping[str, object]]) -> None:
    """From now on every record of this context carries these fields as JSON, such as run and job; asked for each."""
    _BOUND.set(fields)


def masked(text: str) -> str:
    """The text with the password of every URL in it replaced by `***`."""
    if "://" not in text:
        return text
    return _QUERIED.sub(r"\g<key>***", _PASSWORD.sub(r"\g<scheme>\g<user>:***@", text))


def in_one_line(text: str) -> str:
    """The text with control characters as Python writes them, ``\\n``: what a caller sends makes no line of its own."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def stamp(seconds: float) -> str:
    """RFC 3339 UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TextFormatter(logging.Formatter):
    """`2026-01-02T03:04:05.678Z INFO    name: message`, for kopf's records with the object in front. A message is one
    line; the lines of a traceback are indented, so that none of them looks like another record."""

    def __init__(self) -> None:
        super().__init__(TEXT_FORMAT)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802, ARG002
        return stamp(record.created)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        ref = getattr(record, "k8s_ref", None)
        if isinstance(ref, dict) and ref.get("name"):
            record.message = f"[{ref.get('namespace') or '-'}/{ref['name']}] {record.message}"
        record.message = in_one_line(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return _indented(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return _indented(stack_info)

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def _indented(text: str) -> str:
    return "\n".join(f"  {in_one_line(line)}" for line in text.split("\n"))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `ts`, `level`, `logger`, `message`, `exception`, the record's extra fields, and those
    that are bound where it was made (`run`, `job`, `attempt`, `trace_id` in a handler)."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "ts": stamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        for key, value in chain(vars(record).items(), _BOUND.get()().items()):
            if key not in _STANDARD and key not in _INTERNAL and key not in line:
                line[key] = value
        return masked(json.dumps(line, default=str, ensure_ascii=False))


def formatter(form: str) -> logging.Formatter:
    """The formatter of a form: `text` or `json`."""
    return JsonFormatter() if form == "json" else TextFormatter()


def configure(form: str = "text", level: str = "info", stream: TextIO | None = None) -> None:
    """Send every record of the process to a stream (standard error), replacing what was configured before."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter(form))
    root = logging.getLogger()
    for other in list(root.handlers):
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(level.upper())
    if level != "debug":
        # a line for every request, or for every object, drowns the others
        for name in ("kubernetes", "urllib3", "aiohttp.access", "asyncio"):
            logging.getLogger(name).setLevel(logging.WARNING)
