"""The loop process as its supervisor sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time

from kronstream.setting import secret_variables
from kronstream.settings import RedisSettings
from kronstream.worker import wire
from kronstream.worker.children import how_it_ended
from kronstream.worker.slate import TICK, Slate
from kronstream.worker.tally import Tally

SECRETS = secret_variables(RedisSettings)
"""Variables that handlers need not see: the process is told by a message."""


class LoopProcess:
    """A started loop process. `ready` gives the names of its functions; `ended` how it ended."""

    def __init__(self, process: asyncio.subprocess.Process, slate: Slate, sock: socket.socket) -> None:
        self.slate = slate
        self.refused: str | None = None
        self.tally = Tally()
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[tuple[str, ...]] = loop.create_future()
        self._process = process
        self._sock = sock
        self._writer: asyncio.StreamWriter | None = None
        self.ended: asyncio.Task[str] = asyncio.create_task(self._end())

    @classmethod
    async def start(cls, hello: wire.Message) -> LoopProcess:
        """Start one; `hello` is its first message."""
        slate = Slate(hello["slots"])
        slate[TICK] = time.monotonic_ns()
        ours, theirs = socket.socketpair()
        environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *wire.python("kronstream.worker.process", theirs.fileno(), slate.fd),
                pass_fds=[theirs.fileno(), slate.fd],
                stdin=asyncio.subprocess.DEVNULL,
                env=environment,
            )
        started = cls(process, slate, ours)
        await started.tell({**hello, "parent": os.getpid()})
        return started

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def tell(self, message: wire.Message) -> None:
        """Send a message; nothing happens when the process is gone. Never waits for it to read."""
        if self._writer is None:
            reader, self._writer = await asyncio.open_connection(sock=self._sock)
            self._hearing = asyncio.create_task(self._hear(reader))
        if not self._writer.is_closing():
            self._writer.write(wire.frame(message))

    def kill(self) -> None:
        """End it at once; its children end with it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def close(self) -> None:
        """Give everything back, once it ended and its slate was read."""
        if self._writer is not None:
            self._writer.close()
            self._hearing.cancel()
        self.slate.close()

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(wire.Garbled):
            while (message := await wire.read(reader)) is not None:
                if "ready" in message and not self.ready.done():
                    self.ready.set_result(tuple(message["ready"]))
                elif "tally" in message:
                    self.tally = Tally.load(message["tally"])
                elif "refused" in message:
                    self.refused = str(message["refused"])

    async def _end(self) -> str:
        status = await self._process.wait()
        if self._writer is not None:
            await asyncio.wait({self._hearing}, timeout=1)  # what it said last
        self.ready.cancel()
        return how_it_ended(status)
