"""Waiting for a condition, the one way in which tests wait."""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import psutil

Value = TypeVar("Value")

POLL = 0.02  # seconds
PROGRAM = "import kronstream.controller.operator"
USUAL = 1.5  # seconds that the program takes on a machine of two processors that has nothing else to do
MOST = 5.0  # times as much patience
STALL = 5.0  # seconds more for what stood still, and goes on again when that is measured


def eventually(condition: Callable[[], Value], within: float = 10.0, because: str = "") -> Value:
    """The first true value of `condition`, asked every 20 ms.

    An AssertionError inside it counts as "not yet"; after `within` seconds it is raised, or one that tells the last
    value and `because`. It has some seconds more then, and as many times as long where the machine is slow.
    """
    deadline, patient = time.monotonic() + within, False
    while True:
        late = time.monotonic() > deadline
        if late and not patient:
            deadline, patient = deadline + within * (slowness() - 1) + STALL, True
            late = time.monotonic() > deadline
        try:
            value = condition()
        except AssertionError:
            if late:
                raise
            value = None  # type: ignore[assignment]
        if value:
            return value
        if late:
            raise AssertionError(f"not within {within} s (last: {value!r}) {because}".rstrip())
        time.sleep(POLL)


def slowness() -> float:
    """How many times as long as usual a start of an operator's program takes now: 1 on a machine that is quick."""
    begin = time.monotonic()
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
    return min(max(1.0, (time.monotonic() - begin) / USUAL), MOST)


def gone(pid: int) -> bool:
    """Whether no program runs under the process id any more; one that nobody has waited for yet is gone, too."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
