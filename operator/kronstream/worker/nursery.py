"""The process that sync handlers' children are forked from: it has the handlers loaded, and neither threads nor a loop.

It is asked over a socket of messages: `spawn` with two descriptors (the child's socket and output), `kill`. It tells
`ready` or `refused` once, and `exited` for every child. Killing is its matter because it alone knows, as the parent,
that a process id is still the child's.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import logging
import os
import selectors
import signal
import socket
import sys
import threading
from typing import Any

from kronstream import logs
from kronstream.worker import child, wire
from kronstream.worker.discovery import LoadError, load
from kronstream.worker.registry import Registry

MESSAGE = 65_536

log = logging.getLogger(__name__)


def main() -> None:
    """Entry of the process; its argument is the descriptor of the socket to the loop process."""
    sock = socket.socket(fileno=int(sys.argv[1]))
    hello = json.loads(sock.recv(MESSAGE))
    wire.die_with(hello["parent"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # for the children: line by line, so that the last lines before a crash are kept
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    logs.configure(hello["log_format"], hello["log_level"])
    try:
        registry = load(hello["handlers"])
    except LoadError as error:
        _tell(sock, {"refused": str(error)[:8_000]})
        return
    if threading.active_count() > 1:
        log.warning("a module of handlers starts threads when it is imported; sync handlers do not have them")
    gc.freeze()  # children share what is loaded as long as nobody writes to it
    _tell(sock, {"ready": True})
    Nursery(sock, registry, hello["log_format"]).serve()


def _tell(sock: socket.socket, message: wire.Message) -> None:
    sock.send(json.dumps(message).encode())


class Nursery:
    """Forks children, kills them when asked, and tells how they ended."""

    def __init__(self, sock: socket.socket, registry: Registry, log_format: str) -> None:
        self._sock = sock
        self._registry = registry
        self._log_format = log_format
        self._children: dict[int, int] = {}  # process id → the loop process's number for it

    def serve(self) -> None:
        """Serve until the loop process is gone."""
        alarm, bell = os.pipe()
        for end in (alarm, bell):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # the bell rings only for signals that have a handler
        # killed with a word of ours unread, it does not end the connection but breaks it
        with selectors.DefaultSelector() as selector, contextlib.suppress(ConnectionError):
            selector.register(self._sock, selectors.EVENT_READ)
            selector.register(alarm, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fd == alarm:
                        with contextlib.suppress(BlockingIOError):
                            os.read(alarm, 4_096)
                    elif not self._obey():
                        return
                self._reap()

    def _obey(self) -> bool:
        data, fds, _, _ = socket.recv_fds(self._sock, MESSAGE, 2)
        if not data:
            return False
        message: dict[str, Any] = json.loads(data)
        if "spawn" in message:
            self._spawn(message["spawn"], *fds)
        elif "kill" in message:
            self._kill(message["kill"])
        return True

    def _spawn(self, number: int, sock: int, output: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            os.close(sock)
            os.close(output)
            _tell(self._sock, {"exited": number, "fault": f"could not be forked ({error.strerror})"})
            return
        if pid == 0:
            self._sock.close()
            child.serve(socket.socket(fileno=sock), output, self._registry, parent, self._log_format)
        os.close(sock)
        os.close(output)
        self._children[pid] = number

    def _kill(self, number: int) -> None:
        for pid, known in self._children.items():
            if known == number:
                for kill in (os.killpg, os.kill):  # the group exists only once the child made it
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        while self._children:
            # the dead child keeps its process id until its group, programs that its handler left behind, is killed
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None:
                return
            number = self._children.pop(found.si_pid, None)
            if number is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(found.si_pid, signal.SIGKILL)
            _, status = os.waitpid(found.si_pid, 0)
            if number is not None:
                _tell(self._sock, {"exited": number, "status": os.waitstatus_to_exitcode(status)})
