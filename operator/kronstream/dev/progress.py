"""Progress on long work: one line rewritten in place on a terminal, a line now and then elsewhere."""

import time
from typing import TextIO

QUIET_INTERVAL = 15.0  # seconds between two lines where nothing can be rewritten
TERMINAL_INTERVAL = 0.2


class Progress:
    """Writes to `stream` what a person would like to know while waiting."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._interactive = stream.isatty()
        self._last = time.monotonic()
        self._open = False

    def say(self, line: str) -> None:
        """A line that stays."""
        self._end_line()
        print(line, file=self._stream, flush=True)
        self._last = time.monotonic()

    def update(self, line: str) -> None:
        """The state just now; may be called as often as one likes."""
        now = time.monotonic()
        if now - self._last < (TERMINAL_INTERVAL if self._interactive else QUIET_INTERVAL):
            return
        if self._interactive:
            print(f"\r\033[K{line}", end="", file=self._stream, flush=True)
            self._open, self._last = True, now
        else:
            self.say(line)

    def _end_line(self) -> None:
        if self._open:
            print("\r\033[K", end="", file=self._stream)
            self._open = False
