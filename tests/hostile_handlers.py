"""Handlers that do what handlers should not. A worker of the tests loads this file."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import anyio

from kronstream.handlers import Run, handler

log = logging.getLogger("hostile")


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@handler("sync:echo")
def echo(payload: Any) -> Any:
    return payload


@handler("sync:pid")
def pid(payload: Any) -> int:
    return os.getpid()


@handler("sync:run")
def run_facts(payload: Any, run: Run) -> dict[str, Any]:
    run.logger.info("logged by the run")
    return {"id": run.id, "job": f"{run.namespace}/{run.name}", "attempt": run.attempt, "of": run.max_attempts,
            "nominal": run.nominal.isoformat()}  # fmt: skip


@handler("sync:raise")
def raises(payload: Any) -> None:
    print("before the fall")
    raise ValueError("on purpose")


@handler("sync:exit")
def exits(payload: Any) -> None:
    print("last words")
    os._exit(payload)


@handler("sync:sys_exit")
def sys_exits(payload: Any) -> None:
    sys.exit(1)


@handler("sync:segfault")
def segfaults(payload: Any) -> None:
    ctypes.string_at(0)


@handler("sync:killed")
def killed(payload: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@handler("sync:forever")
def forever(payload: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("begun", os.getpid())
    if payload:
        Path(payload).write_text(str(os.getpid()))
    while True:
        pass


@handler("sync:program")
def program(payload: Any) -> None:
    """Leaves the process id of a program it started, and waits for it."""
    with subprocess.Popen(["sleep", "1000"]) as started:
        Path(payload).write_text(str(started.pid))


@handler("sync:flood")
def flood(payload: Any) -> str:
    line = "x" * 99 + "\n"
    for _ in range(payload):
        sys.stdout.write(line)
    print("the end of the flood")
    return "done"


@handler("sync:closes")
def closes(payload: Any) -> str:
    """Closes every descriptor it can, the worker's own among them."""
    os.closerange(0, 256)
    return "closed"


@handler("sync:close_stdout")
def close_stdout(payload: Any) -> str:
    print("printed")
    sys.stdout.close()
    return "closed"


@handler("sync:thread")
def leaves_thread(payload: Any) -> int:
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    return os.getpid()


@handler("sync:bad_result")
def bad_result(payload: Any) -> Any:
    return {1, 2}


@handler("sync:coroutine")
def forgotten_async(payload: Any) -> Any:
    return asyncio.sleep(0)


@handler("sync:environment")
def environment(payload: Any) -> list[str]:
    return sorted(os.environ)


@handler("sync:hoard")
def hoards(payload: Any) -> int:
    """Takes so many MiB, in small pieces, and keeps them until it returns."""
    return len([bytearray(1 << 20) for _ in range(payload)])


@handler("sync:hoard_at_once")
def hoards_at_once(payload: Any) -> int:
    return len(bytearray(payload << 20))


@handler("sync:leak")
def leaks(payload: Any) -> int:
    """Keeps so many MiB after it returned, and tells its process."""
    leaked.append(b"x" * (payload << 20))
    return os.getpid()


leaked: list[bytes] = []


@handler("sync:fork")
def forks(payload: Any) -> int:
    """Returns twice: here, and in a fork of its own process."""
    os.fork()
    return os.getpid()


@handler("sync:fork_and_stay")
def forks_and_stays(payload: Any) -> int:
    """Leaves a fork that goes on printing."""
    if os.fork() == 0:
        while True:
            print("the fork is still here")
            time.sleep(0.01)
    return os.getpid()


@handler("sync:moves")
def moves(payload: Any) -> int:
    """Changes what is around it, and tells its process."""
    os.chdir(payload)
    os.environ["LEFT_BEHIND"] = "1"
    os.environ.pop("PATH", None)
    os.umask(0)
    sys.stdout = sys.stderr
    signal.alarm(1)
    return os.getpid()


@handler("sync:where")
def where(payload: Any) -> list[Any]:
    mask = os.umask(0)
    os.umask(mask)
    here = [os.getpid(), str(Path.cwd()), os.environ.get("LEFT_BEHIND"), "PATH" in os.environ, mask != 0]
    time.sleep(payload or 0)
    return here


@handler("sync:close_output")
def closes_output(payload: Any) -> int:
    os.close(1)
    return os.getpid()


@handler("sync:raise_unprintable")
def raises_unprintable(payload: Any) -> None:
    raise SilentError


@handler("sync:raise_large")
def raises_large(payload: Any) -> None:
    raise ValueError("y" * 50_000_000)


@handler("sync:raise_unpicklable")
def raises_unpicklable(payload: Any) -> None:
    raise UnpicklableError(threading.Lock())


class UnpicklableError(Exception):
    def __reduce__(self) -> Any:
        raise TypeError("not over my dead body")


@handler("sync:raise_surrogate")
def raises_surrogate(payload: Any) -> None:
    raise ValueError("half a character: \ud800, none: \x00")


@handler("sync:result")
def sync_result(payload: Any) -> Any:
    if payload == "nan":
        return float("nan")
    if payload == "large":
        return "z" * 50_000_000
    if payload == "keys":
        return {"__class__": 1, "self": 2}
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    return deep


@handler("sync:progress")
def tells_progress(payload: int, run: Run) -> str:
    for number in range(payload):
        run.progress(number / payload, f"step {number}")
    run.progress(1, "over", {"steps": payload})
    return "told"


@handler("sync:progress_waits")
def tells_and_waits(payload: Any, run: Run) -> None:
    """Says two things at once, then nothing until a file is there."""
    run.progress(0.1, "first")
    run.progress(0.2, "second")
    while not Path(payload).exists():
        time.sleep(0.02)


@handler("sync:last")
def last(run: Run) -> Any:
    last = run.last_success
    assert run.previous is not None
    return [run.previous.isoformat(), run.trace_id, last and [last.nominal.isoformat(), last.run, last.result]]


@handler("async:last")
async def async_last(run: Run) -> Any:
    return last(run)


@handler("async:progress")
async def async_tells_progress(payload: int, run: Run) -> str:
    await asyncio.to_thread(run.progress, 0, "from a thread")
    return tells_progress(payload, run)


@handler("sync:typed")
def typed(days: int, dry_run: bool = False) -> list[Any]:
    return [days, dry_run]


@handler("async:typed")
async def async_typed(days: int, dry_run: bool = False) -> list[Any]:
    return [days, dry_run]


@handler("async:echo")
async def async_echo(payload: Any) -> Any:
    return payload


@handler("async:raise")
async def async_raises(payload: Any) -> None:
    print("before the fall")
    log.warning("and logged")
    raise ValueError("on purpose")


@handler("async:silent")
async def async_silent(payload: Any) -> None:
    raise SilentError


@handler("async:sys_exit")
async def async_sys_exits(payload: Any) -> None:
    sys.exit(1)


@handler("async:interrupt")
async def async_interrupts(payload: Any) -> None:
    raise KeyboardInterrupt


@handler("async:cancels_itself")
async def async_cancels_itself(payload: Any) -> None:
    raise asyncio.CancelledError


@handler("async:forever")
async def async_forever(payload: Any) -> None:
    print("begun")
    await asyncio.Event().wait()


@handler("async:stubborn")
async def async_stubborn(payload: Any) -> None:
    """Cannot be cancelled."""
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print("no")


@handler("async:result")
async def async_result(payload: Any) -> Any:
    if payload == "set":
        return {1}
    if payload == "big":
        return "x" * 100_000
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    return deep


@handler("async:block")
async def async_blocks(payload: Any) -> None:
    await asyncio.sleep(0)
    while True:
        pass


@handler("async:block_gil")
async def async_blocks_gil(payload: Any) -> None:
    await asyncio.sleep(0)
    import re

    re.match(r"(a+)+$", "a" * 64 + "b")  # holds the GIL for ages


@handler("async:fork")
async def async_forks(payload: Any) -> int:
    """Returns twice: in the worker, and in a fork of it."""
    await asyncio.sleep(0)
    os.fork()
    await asyncio.sleep(0)
    return os.getpid()


@handler("async:exit")
async def async_exits(payload: Any) -> None:
    await asyncio.sleep(0)
    os._exit(9)


@handler("async:task_exit")
async def async_task_exits(payload: Any) -> None:
    async def task() -> None:
        await asyncio.sleep(0)
        sys.exit(7)

    await asyncio.create_task(task())


@handler("async:task_block")
async def async_task_blocks(payload: Any) -> None:
    async def task() -> None:
        await asyncio.sleep(0)
        while True:
            pass

    await asyncio.gather(task(), asyncio.sleep(1000))


@handler("async:stop_loop")
async def async_stops_loop(payload: Any) -> None:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(1000)


@handler("async:callback_exit")
async def async_callback_exits(payload: Any) -> None:
    asyncio.get_running_loop().call_soon(sys.exit, 7)
    await asyncio.sleep(1000)


@handler("async:anyio")
async def async_anyio(payload: Any) -> str:
    """Cancels tasks by a library that looks into their coroutines."""
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, 1000)
        await anyio.sleep(0)
        group.cancel_scope.cancel()
    with anyio.move_on_after(0.01):
        await anyio.sleep(1000)
    return await asyncio.wait_for(async_sleeps(0), 5)


@handler("async:sleep")
async def async_sleeps(payload: Any) -> str:
    await asyncio.sleep(payload)
    return "slept"


@handler("async:mark")
async def async_mark(payload: Any, run: Run) -> None:
    """Leaves a line for each execution."""
    with Path(payload).open("a") as file:
        file.write(f"{run.id}\n")


@handler("async:until")
async def async_until(payload: Any) -> str:
    """Ends once a file is there; tells that it began by another."""
    Path(payload + ".begun").touch()
    while not Path(payload).exists():
        await asyncio.sleep(0.02)
    return "ended"
