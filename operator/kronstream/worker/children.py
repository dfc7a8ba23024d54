"""The pool of child processes for sync handlers, as the loop process sees it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

from kronstream.ports import bounds
from kronstream.worker import wire
from kronstream.worker.output import Tail

CHUNK = 65_536
TRIES = 3
STATUS_WAIT = 1.0  # seconds until a child that went away has been reaped

Echo = Callable[[bytes], None]


class Crashed(Exception):  # noqa: N818 - what became of the child
    """The child ended before its handler did; the text tells how, `signal` the number of the one that killed it."""

    def __init__(self, how: str, signal: int = 0) -> None:
        super().__init__(how)
        self.signal = signal


class Child:
    """One child: its socket, its output, and how it ended."""

    def __init__(self, number: int, sock: socket.socket, output: int, echo: Echo | None = None) -> None:
        self.number = number
        self._sock = sock
        self._output = output
        self._echo = echo
        self._kept: deque[bytes] = deque()
        self._size = 0
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None
        self.signal = 0  # the one that killed it
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def connect(self) -> None:
        """Attach to the loop."""
        self._reader, self._writer = await asyncio.open_connection(sock=self._sock)
        os.set_blocking(self._output, False)
        asyncio.get_running_loop().add_reader(self._output, self._read_once)

    async def ask(self, message: bytes) -> bool:
        """Send a task; False when the child did not acknowledge it, and so did not start it."""
        assert self._writer is not None
        self._empty()
        try:
            self._writer.write(message)
            await self._writer.drain()
            return await wire.read(self._reader) is not None
        except (ConnectionError, wire.Garbled):
            return False

    async def answer(self, heard: Callable[[str], None] | None) -> wire.Message | None:
        """What the handler left, None when the child went away; `heard` is given its progress meanwhile."""
        try:
            while (message := await wire.read(self._reader)) is not None and "progress" in message:
                if heard is not None:
                    heard(message["progress"])
        except wire.Garbled:
            return None
        return message

    def output(self) -> str:
        """The tail of what was printed since the task began."""
        self._read_all()
        data = b"".join(self._kept)
        return bounds.tail(data.decode("utf-8", "replace"), bounds.OUTPUT)

    def close(self) -> None:
        """Close both channels; safe to repeat."""
        if self._output >= 0:
            asyncio.get_running_loop().remove_reader(self._output)
            os.close(self._output)
            self._output = -1
            if self._writer is None:
                self._sock.close()
            else:
                self._writer.close()

    def _empty(self) -> None:
        self._read_all()
        self._kept.clear()
        self._size = 0

    def _read_all(self) -> None:
        for _ in range(1024):  # a program left behind could print for ever
            if not self._read_once():
                return

    def _read_once(self) -> bool:
        if self._output < 0:
            return False
        try:
            data = os.read(self._output, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            asyncio.get_running_loop().remove_reader(self._output)
            return False
        if self._echo is not None:
            self._echo(data)
        self._kept.append(data[-bounds.OUTPUT - 4 :])
        self._size += len(self._kept[-1])
        while self._size - len(self._kept[0]) > bounds.OUTPUT + 4:
            self._size -= len(self._kept.popleft())
        return True


class Children:
    """Starts children as they are needed and uses idle ones again.

    `hello` is what the nursery has to know; `echo` is given what children print, at once.
    """

    def __init__(self, hello: wire.Message, echo: Echo | None = None) -> None:
        self._hello = hello
        self._echo = echo
        self._numbers = count(1)
        self._children: dict[int, Child] = {}
        self._idle: list[Child] = []
        self._control: socket.socket | None = None
        self._starting: asyncio.Future[None] | None = None
        self._nursery: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the nursery and wait until it has loaded the handlers. Raises Crashed with why it has not."""
        if self._starting is None:
            self._starting = asyncio.get_running_loop().create_future()
            await self._start_nursery()
        await asyncio.shield(self._starting)

    async def run(self, task: dict[str, Any], tail: Tail, heard: Callable[[str], None] | None = None) -> wire.Message:
        """Execute a task and answer what its handler left; its output goes to `tail`, its progress to `heard`.

        Raises Crashed when the child ended instead. Cancelled, the child is killed at once.
        """
        message = wire.frame(task)
        child = await self._begin(message, tail)
        done = False
        try:
            answer = await child.answer(heard)
            if answer is None:
                how = await self._how(child)
                raise Crashed(f"the handler's process {how} before it returned", child.signal)
            done = not answer.get("tired")
            return answer
        finally:
            if not done:
                self._kill(child)
            tail.write(child.output())
            if done:
                self._idle.append(child)
            else:
                child.close()

    async def close(self) -> None:
        """End all children and the nursery."""
        if self._nursery is not None and self._nursery.returncode is None:
            self._nursery.kill()
            await self._nursery.wait()
        self._lose_nursery("the worker ends")

    async def _begin(self, message: bytes, tail: Tail) -> Child:
        for _ in range(TRIES):
            child = await self._acquire()
            started = False
            try:
                started = await child.ask(message)
            finally:
                if not started:
                    # it was idle and is dead: the task never began and goes to another
                    self._kill(child)
                    tail.write(child.output())
                    child.close()
            if started:
                return child
        raise Crashed(f"no process for the handler could be started: it {await self._how(child)}")

    async def _acquire(self) -> Child:
        while self._idle:
            child = self._idle.pop()
            if not child.ended.done():
                return child
            child.close()
        await self.start()
        return await self._spawn()

    async def _spawn(self) -> Child:
        assert self._control is not None
        ours, theirs = socket.socketpair()
        output, printed = os.pipe()
        child = Child(next(self._numbers), ours, output, self._echo)
        self._children[child.number] = child
        try:
            socket.send_fds(self._control, [json.dumps({"spawn": child.number}).encode()], [theirs.fileno(), printed])
        except OSError as error:
            child.ended.set_result(f"could not be asked for ({error.strerror})")
        finally:
            theirs.close()
            os.close(printed)
        try:
            await child.connect()
        except BaseException:
            self._kill(child)
            child.close()
            raise
        return child

    def _kill(self, child: Child) -> None:
        if child.number in self._children and self._control is not None:
            with contextlib.suppress(OSError):
                self._control.send(json.dumps({"kill": child.number}).encode())

    async def _how(self, child: Child) -> str:
        """How a child that went away ended; one that only closed its channel is killed."""
        await asyncio.wait({child.ended}, timeout=STATUS_WAIT)
        if child.ended.done():
            return child.ended.result()
        self._kill(child)
        return "closed its channel to the worker"

    async def _start_nursery(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._nursery = await asyncio.create_subprocess_exec(
                *wire.python("kronstream.worker.nursery", theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
            )
        ours.setblocking(False)
        ours.send(json.dumps({**self._hello, "parent": os.getpid()}).encode())
        self._control = ours
        asyncio.get_running_loop().add_reader(ours, self._hear)

    def _hear(self) -> None:
        assert self._control is not None
        try:
            data = self._control.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        message = json.loads(data) if data else {}
        if "exited" in message:
            child = self._children.pop(message["exited"], None)
            if child is not None and not child.ended.done():
                child.signal = max(0, -message.get("status", 0))
                child.ended.set_result(message.get("fault") or how_it_ended(message["status"]))
        elif "ready" in message:
            if self._starting is not None and not self._starting.done():
                self._starting.set_result(None)
        else:
            self._lose_nursery(message.get("refused") or "the process that starts them is gone")

    def _lose_nursery(self, why: str) -> None:
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._control = None
        if self._starting is not None and not self._starting.done():
            self._starting.set_exception(Crashed(f"no processes for sync handlers: {why}"))
            self._starting.exception()  # somebody may wait for it, or nobody
        self._starting = None  # the next task starts another
        for child in self._children.values():
            if not child.ended.done():
                child.ended.set_result("was killed with the process it came from")
        self._children.clear()


def how_it_ended(status: int) -> str:
    """In words, how a process ended; a negative status is a signal."""
    if status >= 0:
        return f"exited with code {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was killed by {name}" + (" (out of memory?)" if -status == signal.SIGKILL else "")
