"""What a handler may have changed around itself in a child, put back before the next run."""

from __future__ import annotations

import os
import signal
import sys
import threading

from kronstream.worker import limits


class Surroundings:
    """Working directory, environment, mask, timers and standard streams of this process as they are now."""

    def __init__(self) -> None:
        self._folder = _folder()
        self._environ = dict(os.environ)
        self._mask = os.umask(0o022)
        os.umask(self._mask)
        self._streams = sys.stdout, sys.stderr
        self._files = self._where_output_goes()
        self._enough = limits.resident() + limits.GROWN

    @property
    def tired(self) -> bool:
        """Whether this process had better not be used again, whatever is put back.

        It is when threads, processes or much memory are left, or when output no longer goes where it went: they would
        be the next run's.
        """
        try:
            return (
                threading.active_count() > 1
                or any(stream.closed for stream in self._streams)
                or self._where_output_goes() != self._files
                or _has_children()
                or (limits.peak() > self._enough and limits.resident() > self._enough)
            )
        except Exception:  # noqa: BLE001 - the handler may have closed or replaced anything that is used here
            return True

    def restore(self) -> None:
        """Put them back. Raises what the handler's leavings raise."""
        signal.setitimer(signal.ITIMER_REAL, 0)  # signal.alarm, too: it would kill the next run
        os.umask(self._mask)
        if os.environ != self._environ:
            os.environ.clear()
            os.environ.update(self._environ)
        if self._folder and _folder() != self._folder:
            os.chdir(self._folder)
        sys.stdout, sys.stderr = self._streams

    @staticmethod
    def _where_output_goes() -> tuple[tuple[int, int], ...]:
        found = (os.fstat(number) for number in (1, 2))
        return tuple((one.st_dev, one.st_ino) for one in found)


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - compared as text
    except FileNotFoundError:  # it is gone
        return ""


def _has_children() -> bool:
    """Whether a program or a fork of the handler is left; one that ended but was not waited for counts."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
