"""Requests to a server, as fast as it answers or so many a second, by a client that costs a few microseconds each."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmarks.meter import processor_time

LANES = 16
END = b"\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"

Ask = Callable[[int], bytes]


@dataclass(frozen=True)
class Answer:
    """An answer; the body as it came, with the marks of its chunks where it came in some."""

    status: int
    body: bytes


@dataclass(frozen=True)
class Rush:
    """So many answers in so many seconds; ``cost`` is the processor time that the server had meanwhile, in seconds."""

    answers: int
    seconds: float
    cost: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    @property
    def each(self) -> float:
        """Microseconds of processor time an answer."""
        return self.cost / self.answers * 1e6


class Unwanted(Exception):  # noqa: N818 - an answer
    """An answer of another status than the wanted one."""


@dataclass(frozen=True)
class Door:
    """A server on loopback; ``pid`` is the process whose processor time is told."""

    port: int
    pid: int | None = None
    context: ssl.SSLContext | None = None

    def request(self, method: str, path: str, body: bytes = b"", accept: str = "application/json") -> bytes:
        """A request as it is sent."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Accept: {accept}"]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join(lines).encode() + END + body

    async def once(self, request: bytes) -> Answer:
        """One request on a connection of its own."""
        async with self._lanes(1) as (lane,):
            return await lane.ask(request)

    async def rush(self, ask: Ask, wanted: int, seconds: float, lanes: int = LANES) -> Rush:
        """Every one of some connections asks again as soon as it was answered.

        ``ask`` is given numbers from 0. Raises Unwanted.
        """
        count = 0
        async with self._lanes(lanes) as opened:
            begin, before = time.perf_counter(), self._cost()

            async def go(lane: _Lane) -> None:
                nonlocal count
                while time.perf_counter() - begin < seconds:
                    number, count = count, count + 1
                    _judge(await lane.ask(ask(number)), wanted)

            await asyncio.gather(*(go(lane) for lane in opened))
            return Rush(count, time.perf_counter() - begin, self._cost() - before)

    def _cost(self) -> float:
        return processor_time(self.pid) if self.pid is not None else 0.0

    async def paced(self, ask: Ask, wanted: int, rate: float, seconds: float) -> list[float]:
        """Milliseconds from the instant at which each request was to be sent until its answer was there.

        They are sent at even distances, whether those before were answered or not. Raises Unwanted.
        """
        free: asyncio.LifoQueue[_Lane] = asyncio.LifoQueue()
        took: list[float] = []

        async def go(number: int, due: float) -> None:
            lane = await free.get()
            _judge(await lane.ask(ask(number)), wanted)
            took.append((time.perf_counter() - due) * 1000)
            free.put_nowait(lane)

        async with self._lanes(LANES) as opened, asyncio.TaskGroup() as group:
            for lane in opened:
                free.put_nowait(lane)
            begin = time.perf_counter() + 0.1
            for number in range(round(rate * seconds)):
                due = begin + number / rate
                await asyncio.sleep(due - time.perf_counter())
                group.create_task(go(number, due))
        return took

    @asynccontextmanager
    async def _lanes(self, count: int) -> AsyncIterator[list[_Lane]]:
        loop = asyncio.get_running_loop()
        opened = []
        try:
            for _ in range(count):
                name = "127.0.0.1" if self.context else None
                made = await loop.create_connection(
                    _Lane, "127.0.0.1", self.port, ssl=self.context, server_hostname=name
                )
                opened.append(made[1])
            yield opened
        finally:
            for lane in opened:
                lane.close()


class _Lane(asyncio.Protocol):
    """A connection that is kept: one request at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiting: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error or ConnectionResetError("the server closed the connection"))

    def close(self) -> None:
        self._transport.close()

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)  # type: ignore[attr-defined]
        return self._waiting

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(END)
        if head < 0 or self._waiting is None:
            return
        told = bytes(self._buffer[:head]).lower()
        length = told.find(b"content-length: ")
        if length >= 0:
            whole = head + len(END) + int(told[length + 16 :].split(b"\r", 1)[0]) <= len(self._buffer)
        else:
            whole = b"transfer-encoding: chunked" not in told or self._buffer.endswith(LAST_CHUNK)
        if whole:
            answer = Answer(int(told[9:12]), bytes(self._buffer[head + len(END) :]))
            self._buffer.clear()
            if not self._waiting.done():
                self._waiting.set_result(answer)


def _judge(answer: Answer, wanted: int) -> None:
    if answer.status != wanted:
        raise Unwanted(f"{answer.status} instead of {wanted}: {answer.body[:500]!r}")
