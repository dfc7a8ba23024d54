"""A program on a terminal of its own, as a person has it: what it writes there, and keys for it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from types import TracebackType
from typing import Self

LIMIT = 30.0
# the terminal becomes the one whose Ctrl-C the program gets, and what a background job is started with ends here
CONTROLLED = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGINT, signal.SIG_DFL)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """Runs `kronstream` with its three streams on a pseudo-terminal; a context manager."""

    def __init__(self, *arguments: str, lines: int = 50, **environ: str) -> None:
        self.text = ""
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, 160, 0, 0))
        # these would go before what the terminal says of its size
        plain = {name: text for name, text in os.environ.items() if name not in {"LINES", "COLUMNS"}}
        command = [sys.executable, "-c", CONTROLLED, sys.executable, "-m", "kronstream.cli.main", *arguments]
        self._process = subprocess.Popen(
            command, stdin=self._slave, stdout=self._slave, stderr=self._slave, env={**plain, **environ},
            start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        os.close(self._slave)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)

    def until(self, words: str) -> str:
        """What was written up to these words, beginning where the last call ended; waits for them."""
        deadline = time.monotonic() + LIMIT
        while words not in self.text:
            assert time.monotonic() < deadline, f"{words!r} did not come: {self.text!r}"
            assert self._read(), f"ended without {words!r}: {self.text!r}"
        head, _, self.text = self.text.partition(words)
        return head + words

    def press(self, keys: str) -> None:
        """As if they were typed; `\\x03` is Ctrl-C."""
        os.write(self._master, keys.encode())

    def end(self) -> tuple[int, str]:
        """The exit code, and what was written since; waits for the end."""
        deadline = time.monotonic() + LIMIT
        while self._read():
            assert time.monotonic() < deadline, f"it did not end: {self.text!r}"
        return self._process.wait(LIMIT), self.text

    def _read(self) -> bool:
        """Some of what is written; False at the end."""
        if not select.select([self._master], [], [], 0.2)[0]:
            return True
        try:
            self.text += os.read(self._master, 65_536).decode("utf-8", "replace")
        except OSError:  # nobody has the other end any more
            return False
        return True
