"""A child process that executes sync handlers, one after the other, and may be killed at any instant."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from kronstream import logs
from kronstream.domain.run import Reason
from kronstream.ports.result import Unfit, encode
from kronstream.worker import wire
from kronstream.worker.context import Run, run_of
from kronstream.worker.limits import MEMORY, MEMORY_CODE, NO_LIMITS, Limits
from kronstream.worker.outcome import Ended, raised
from kronstream.worker.output import LOG_FORMAT
from kronstream.worker.progress import Speaker
from kronstream.worker.registry import Registry
from kronstream.worker.surroundings import Surroundings


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
        _obey(sock, registry)
    except ConnectionError:
        pass  # the loop process is gone
    except BaseException:
        logging.getLogger(__name__).exception("a process for sync handlers failed")
        os._exit(1)
    os._exit(0)


def _obey(sock: socket.socket, registry: Registry) -> None:
    own, before = os.getpid(), Surroundings()
    while (task := wire.receive(sock)) is not None:
        wire.send(sock, {"started": True})
        speaker = Speaker(lambda line: wire.send(sock, {"progress": line}))
        logs.bind(task.get("marks"))
        answer = execute(registry, task, speaker.tell)
        if os.getpid() != own:
            os._exit(0)  # the handler forked and came back twice: this is the other one
        speaker.close()
        answer["tired"] = before.tired or answer.get("tired", False)
        wire.send(sock, answer)
        before.restore()


def _redirect(output: int, log_format: str) -> None:
    """What the handler prints goes into the pipe; what it logs, there and to the worker's log, if that has a form."""
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
        if target is worker_log and not log_format:
            continue
        handler = logging.StreamHandler(target)
        handler.setFormatter(formatter)
        root.addHandler(handler)


def execute(registry: Registry, task: dict[str, Any], tell: Callable[[str], None]) -> wire.Message:
    """Execute a task: what the handler left, as it travels; `tell` is given its progress."""
    answer: wire.Message
    made: list[Run] = []
    bounds = Limits.of(task.get("limits"))
    try:
        answer = {"result": _call(registry, task, made, bounds, tell)}
    except Unfit as unfit:
        answer = {"reason": Reason.RESULT, "type": "InvalidResult", "message": str(unfit)}
    except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt are failed attempts too
        answer = _told(raised(error, made[0].wait if made else None))
        if bounds.memory is not None and type(error) is MemoryError:
            said = {"type": MEMORY, "message": bounds.memory_spent, "codes": (MEMORY_CODE,), "wait": None}
            answer |= {"reason": Reason.CRASHED, **said, "tired": True}
    with contextlib.suppress(Exception):  # a handler may have closed or replaced them
        sys.stdout.flush()
        sys.stderr.flush()
    return answer


def _told(ended: Ended) -> wire.Message:
    told = ended.failure
    assert told is not None
    return {
        "reason": ended.reason, "type": told.type, "message": told.message, "traceback": told.traceback,
        "wait": ended.wait, "codes": ended.codes,
    }  # fmt: skip


def _call(
    registry: Registry, task: dict[str, Any], made: list[Run], bounds: Limits, tell: Callable[[str], None]
) -> str | None:
    """The result as JSON; the Run that the handler is given is left in `made`."""
    function = registry.get(task["function"])
    if function is None:
        raise LookupError(f"the process for sync handlers does not know {task['function']!r}")

    def make() -> Run:
        made.append(run_of(task["run"], tell))
        return made[-1]

    if bounds == NO_LIMITS:
        return encode(function.invoke(task["payload"], make))
    with bounds.held():
        result = function.invoke(task["payload"], make)
    return encode(result)
