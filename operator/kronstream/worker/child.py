"""A child process that executes sync handlers, one after the other, and may be killed at any instant."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import signal
import socket
import sys
import threading
from typing import Any

from kronstream import logs
from kronstream.domain.run import Reason
from kronstream.worker import wire
from kronstream.worker.context import Run, run_of
from kronstream.worker.outcome import Ended, raised
from kronstream.worker.output import LOG_FORMAT
from kronstream.worker.registry import Registry
from kronstream.worker.result import Unfit, encode


def serve(sock: socket.socket, output: int, registry: Registry, parent: int, log_format: str) -> None:
    """Execute what the socket brings until it ends. Called in a fresh fork; never returns."""
    try:
        os.setsid()  # so that a kill reaches the programs that a handler starts
        wire.die_with(parent)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        random.seed()
        _redirect(output, log_format)
        while (task := wire.receive(sock)) is not None:
            wire.send(sock, {"started": True})
            wire.send(sock, _execute(registry, task))
    except ConnectionError:
        pass  # the loop process is gone
    except BaseException:
        logging.getLogger(__name__).exception("a process for sync handlers failed")
        os._exit(1)
    os._exit(0)


def _redirect(output: int, log_format: str) -> None:
    """What the handler prints goes into the pipe; what it logs, there and to the worker's own log."""
    worker_log = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a descriptor is meant
        os.dup2(nothing.fileno(), 0)
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    for target, formatter in (
        (worker_log, logs.formatter(log_format)),
        (sys.stderr, logging.Formatter(LOG_FORMAT)),
    ):
        handler = logging.StreamHandler(target)
        handler.setFormatter(formatter)
        root.addHandler(handler)


def _execute(registry: Registry, task: dict[str, Any]) -> wire.Message:
    answer: wire.Message
    made: list[Run] = []
    try:
        answer = {"result": _call(registry, task, made)}
    except Unfit as unfit:
        answer = {"reason": Reason.RESULT, "type": "InvalidResult", "message": str(unfit)}
    except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt are failed attempts too
        answer = _told(raised(error, made[0].wait if made else None))
    with contextlib.suppress(Exception):  # a handler may have closed or replaced them
        sys.stdout.flush()
        sys.stderr.flush()
    # a thread that is left may print into the next run, or hold what it needs
    answer["tired"] = threading.active_count() > 1 or sys.stdout.closed
    return answer


def _told(ended: Ended) -> wire.Message:
    told = ended.failure
    assert told is not None
    return {
        "reason": ended.reason, "type": told.type, "message": told.message, "traceback": told.traceback,
        "wait": ended.wait, "codes": ended.codes,
    }  # fmt: skip


def _call(registry: Registry, task: dict[str, Any], made: list[Run]) -> str | None:
    """The result as JSON; the Run that the handler is given is left in `made`."""
    function = registry.get(task["function"])
    if function is None:
        raise LookupError(f"the process for sync handlers does not know {task['function']!r}")

    def make() -> Run:
        made.append(run_of(task["run"]))
        return made[0]

    return encode(function.invoke(task["payload"], make))
