"""Waiting for a condition, the one way in which tests wait."""

import time
from collections.abc import Callable
from typing import TypeVar

import psutil

Value = TypeVar("Value")

POLL = 0.02  # seconds


def eventually(condition: Callable[[], Value], within: float = 10.0, because: str = "") -> Value:
    """The first true value of `condition`, asked every 20 ms.

    An AssertionError inside it counts as "not yet"; after `within` seconds it is raised, or one that tells the last
    value and `because`.
    """
    deadline = time.monotonic() + within
    while True:
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


def gone(pid: int) -> bool:
    """Whether no program runs under the process id any more; one that nobody has waited for yet is gone, too."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
