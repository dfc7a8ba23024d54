"""SIGINT, SIGTERM and SIGHUP as a request to stop: the first interrupts, the ones after it ask for haste."""

import signal
from types import FrameType, TracebackType
from typing import Any, Self

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Raised in the main thread, wherever it is; not an Exception, so that nothing swallows it."""


class StopSignals:
    """Turns the first signal into StopRequested while it is entered; later ones only set `again`."""

    def __init__(self) -> None:
        self.again = False
        self._stopping = False
        self._before: dict[int, Any] = {}

    def hold(self) -> None:
        """From here on things are being ended: a signal interrupts no more."""
        self._stopping = True

    def __enter__(self) -> Self:
        for number in STOPPING:
            self._before[number] = signal.signal(number, self._came)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _came(self, _number: int, _frame: FrameType | None) -> None:
        if self._stopping:
            self.again = True
            return
        self._stopping = True
        raise StopRequested
