"""Clocks that tests own."""

from collections.abc import Callable

Clock = Callable[[], int]
"""The present in milliseconds since the epoch."""


class FixedClock:
    """Stands still until it is told otherwise."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, ms: int) -> None:
        """Let ``ms`` milliseconds pass."""
        self.now += ms
