"""One part of a running installation: a child process that can be started, signalled and stopped by name."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from kronstream.dev.errors import PartFailedError
from kronstream.dev.logfile import LogFile
from kronstream.dev.spawner import Child, spawner

KILL_WAIT = 10.0  # seconds the kernel is given to end what was killed


class Process:
    """A named program with its arguments; started again, it is the same program on the same files."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        environ: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """`folder` is where it runs: by default that of its log."""
        self.name = name
        self.command = tuple(command)
        self.log = LogFile(log)
        self._environ = dict(os.environ if environ is None else environ)
        self._folder = folder or log.parent
        self._child: Child | None = None
        self._family: list[psutil.Process] = []

    @property
    def pid(self) -> int | None:
        """The process id while it runs, frozen or not."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How it ended (negative: the signal), or None when it runs or was never started."""
        return None if self._child is None else self._child.poll()

    def start(self) -> None:
        """Starts it; nothing happens when it runs already. Raises PartFailedError when it cannot be started."""
        if self.pid is not None:
            return
        output = self.log.open()
        try:
            self._child = spawner().spawn(self.command, self._environ, output, self._folder)
        except OSError as error:
            raise PartFailedError(f"{self.name} cannot be started ({self.command[0]}): {error}") from error
        finally:
            os.close(output)

    def send(self, number: int) -> None:
        """Sends a signal to the process itself; nothing happens when it is gone."""
        if self._child is not None:
            self._child.send_signal(number)

    def stop(self, number: int = signal.SIGTERM, grace: float = 10.0) -> None:
        """Sends `number` and waits `grace` seconds for the end, then kills; takes its descendants along."""
        self.begin_stop(number)
        self.finish_stop(grace)

    def begin_stop(self, number: int = signal.SIGTERM) -> None:
        """The first half of `stop`, for several parts at once."""
        self._family = self._descendants()
        self.send(number)
        self.send(signal.SIGCONT)  # a frozen process could not end

    def finish_stop(self, grace: float) -> None:
        """The second half of `stop`."""
        child = self._child
        if child is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(grace)
        if child.poll() is None:
            child.kill()
            child.wait(KILL_WAIT)
        self.sweep()

    def sweep(self) -> None:
        """Kills what an ended part left behind in its process group, and descendants known from before its end."""
        if self._child is None or self._child.poll() is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)
        for descendant in self._family:
            with contextlib.suppress(psutil.NoSuchProcess):
                descendant.kill()
        deadline = time.monotonic() + KILL_WAIT
        while any(map(_lives, self._family)) and time.monotonic() < deadline:
            time.sleep(0.01)
        self._family = []

    def _descendants(self) -> list[psutil.Process]:
        if self.pid is None:
            return []
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def failure(self, what: str) -> PartFailedError:
        """An error that tells what happened and how the log ends."""
        end = "\n".join(f"  {line}" for line in self.log.tail())
        return PartFailedError(f"{self.name} {what}. The end of its log, {self.log.path}:\n{end or '  (empty)'}")

    def wait_until(self, ready: Callable[[], bool], limit: float) -> None:
        """Polls `ready` until it is true; raises PartFailedError when the process ends first or `limit` s passed."""
        deadline = time.monotonic() + limit
        while not ready():
            if self.pid is None:
                raise self.failure(f"ended with code {self.exit_code} before it was ready")
            if time.monotonic() > deadline:
                raise self.failure(f"was not ready within {limit:.0f} s")
            time.sleep(0.02)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
