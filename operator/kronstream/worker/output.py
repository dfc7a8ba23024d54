"""The tail of what a handler prints and logs, kept apart for every attempt that shares the loop."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, TextIO

from kronstream.ports import bounds

LOG_FORMAT = "%(levelname)s %(name)s: %(message)s"


class Tail:
    """Keeps the last `bounds.OUTPUT` bytes of what is written to it."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0

    def write(self, text: str) -> None:
        """Add text; what no longer fits goes from the front."""
        text = text[-bounds.OUTPUT :]
        self._parts.append(text)
        self._size += len(text)
        if self._size > 2 * bounds.OUTPUT:
            # joined now and then, not at every write: a flood of short lines stays cheap
            self._parts = ["".join(self._parts)[-bounds.OUTPUT - 1 :]]
            self._size = len(self._parts[0])

    def text(self) -> str:
        """What is kept."""
        return bounds.tail("".join(self._parts), bounds.OUTPUT) if self._parts else ""


capture: ContextVar[Tail | None] = ContextVar("capture", default=None)
"""Where the output of the present task goes; None: where it always went."""


def say(text: str) -> None:
    """Add to the output of the attempt that the present task belongs to."""
    kept = capture.get()
    if kept is not None:
        kept.write(text)


class Routed(io.TextIOBase):
    """Stands in for standard output or error: writes to the tail of the task that prints, if it has one."""

    def __init__(self, real: TextIO) -> None:
        self._real = real
        self.buffer = _RoutedBytes(self)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._real.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self._real.errors

    def write(self, text: str) -> int:
        kept = capture.get()
        if kept is None:
            return self._real.write(text)
        kept.write(text)
        return len(text)

    def flush(self) -> None:
        self._real.flush()

    def close(self) -> None:
        """Does nothing: the stream belongs to all tasks."""

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._real.fileno()


class _RoutedBytes(io.RawIOBase):
    def __init__(self, text: Routed) -> None:
        self._text = text

    def write(self, data: object) -> int:
        content = bytes(data)  # type: ignore[call-overload]
        self._text.write(content.decode("utf-8", "replace"))
        return len(content)

    def close(self) -> None:
        """Does nothing, as above."""

    def writable(self) -> bool:
        return True


class TailHandler(logging.Handler):
    """Writes log records to the tail of the task that logs."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(LOG_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        kept = capture.get()
        if kept is not None:
            try:
                kept.write(self.format(record) + "\n")
            except Exception:  # noqa: BLE001 - logging's own way with a record that cannot be formatted
                self.handleError(record)


_routed = 0  # blocks that are open


@contextlib.contextmanager
def routed(tail: Tail | None = None, level: int = logging.INFO) -> Iterator[None]:
    """Within the block, capture what tasks print and log from a level on, this one's in `tail`; then all is as before.

    For a process that is not a worker's; blocks may overlap.
    """
    global _routed  # noqa: PLW0603 - so are sys.stdout and the root logger
    if _routed == 0:
        _before[:] = [sys.stdout, sys.stderr, TailHandler(), logging.getLogger().level]
        sys.stdout, sys.stderr = Routed(sys.stdout), Routed(sys.stderr)
        logging.getLogger().addHandler(_before[2])
        logging.getLogger().setLevel(min(level, _before[3]))
    _routed += 1
    token = capture.set(tail)
    try:
        yield
    finally:
        capture.reset(token)
        _routed -= 1
        if _routed == 0:
            sys.stdout, sys.stderr, handler, before = _before
            logging.getLogger().removeHandler(handler)
            logging.getLogger().setLevel(before)


_before: list[Any] = []


def route() -> None:
    """From now on, capture what tasks print and log. After the handlers are loaded: what they set up stays theirs."""
    sys.stdout = Routed(sys.stdout)
    sys.stderr = Routed(sys.stderr)
    logging.getLogger().addHandler(TailHandler())
