"""A process that does nothing but wake up, and tells how late it did: what the machine itself costs.

As a program: `metronome.py FILE` writes "wall-clock ms, ms late" for every wake-up that came more than 20 ms late.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

BEAT = 0.01  # seconds
WORTH_TELLING = 20.0  # ms


def tick(path: Path) -> None:
    """Beats until the parent is gone."""
    parent = os.getppid()
    with path.open("a", buffering=1) as file:
        while os.getppid() == parent:
            before = time.monotonic()
            time.sleep(BEAT)
            late = (time.monotonic() - before - BEAT) * 1000
            if late > WORTH_TELLING:
                file.write(f"{time.time() * 1000:.0f} {late:.0f}\n")


class Metronome:
    """Runs it while entered."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._path.touch()
        self._process = subprocess.Popen([sys.executable, "-I", __file__, str(self._path)])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def late(self, since: float, until: float) -> float:
        """By how many milliseconds the worst wake-up between two instants (ms) was late."""
        told = (tuple(map(float, line.split())) for line in self._path.read_text().splitlines())
        return max((late for at, late in told if at >= since and at - late <= until), default=0.0)


if __name__ == "__main__":
    tick(Path(sys.argv[1]))
