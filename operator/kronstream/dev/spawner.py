"""The one thread that starts child processes.

The kernel's parent-death signal (see leash.py) comes when the *thread* that started the child ends. This one lives as
long as the process, so parts may be started from any thread.
"""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

LEASH = Path(__file__).resolve().with_name("leash.py")

Child = subprocess.Popen[bytes]


def leashed(command: Sequence[str]) -> list[str]:
    """`command`, so that it dies with the thread that starts it."""
    return [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), *command]


@dataclass(frozen=True)
class _Order:
    command: Sequence[str]
    environ: Mapping[str, str]
    output: int
    folder: Path
    started: "Future[Child]"


class Spawner:
    """Starts children that die with this process. One per process, made when first needed."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="spawner", daemon=True).start()

    def spawn(self, command: Sequence[str], environ: Mapping[str, str], output: int, folder: Path) -> Child:
        """Starts `command` (an absolute path and its arguments) in a session of its own.

        stdout and stderr go to the file descriptor `output`. A terminal's Ctrl-C does not reach it.
        """
        order = _Order(command, environ, output, folder, Future())
        self._orders.put(order)
        return order.started.result()

    def _serve(self) -> None:
        while True:
            order = self._orders.get()
            try:
                order.started.set_result(_popen(order))
            except OSError as error:
                order.started.set_exception(error)


def _popen(order: _Order) -> Child:
    return subprocess.Popen(
        leashed(order.command),
        env=dict(order.environ),
        cwd=order.folder,
        stdin=subprocess.DEVNULL,
        stdout=order.output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


_lock = threading.Lock()
_spawners: dict[int, Spawner] = {}


def spawner() -> Spawner:
    """This process's spawner; a forked child has one of its own, for threads do not survive a fork."""
    with _lock:
        found = _spawners.get(os.getpid())
        if found is None:
            found = _spawners[os.getpid()] = Spawner()
        return found
