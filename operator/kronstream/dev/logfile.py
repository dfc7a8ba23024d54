"""A component's log: appended to by the component itself, bounded and followed by us."""

import os
import shutil
from pathlib import Path

LIMIT = 16 * 1024 * 1024  # bytes; one older file of this size is kept beside it
READ_AT_ONCE = 256 * 1024


class LogFile:
    """The file that a component writes to directly, so that a busy or frozen parent never blocks it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = path.stat().st_size if path.exists() else 0
        self._begun = self._read
        self._rest = b""

    def open(self) -> int:
        """A file descriptor for the component; appending, so that emptying the file works while it is written."""
        self._begun = self.path.stat().st_size if self.path.exists() else 0
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def new_lines(self) -> list[str]:
        """The whole lines written since the last call; bounds the file too."""
        try:
            with self.path.open("rb") as handle:
                size = os.fstat(handle.fileno()).st_size
                if size < self._read:  # emptied
                    self._read = 0
                handle.seek(self._read)
                chunk = handle.read(READ_AT_ONCE)
        except FileNotFoundError:
            return []
        self._read += len(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if self._read >= LIMIT:
            self._rotate()
        return [line.decode(errors="replace") for line in lines]

    def tail(self, count: int = 15) -> list[str]:
        """The last lines since the component was last started."""
        try:
            with self.path.open("rb") as handle:
                size = os.fstat(handle.fileno()).st_size
                begun = self._begun if self._begun <= size else 0
                handle.seek(max(begun, size - READ_AT_ONCE))
                return handle.read().decode(errors="replace").splitlines()[-count:]
        except FileNotFoundError:
            return []

    def _rotate(self) -> None:
        shutil.copyfile(self.path, self.path.with_suffix(".log.1"))
        os.truncate(self.path, 0)
        self._read = self._begun = 0
