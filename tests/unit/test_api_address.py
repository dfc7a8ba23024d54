"""Where the HTTP API listens, and what becomes of connections that bring nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from kronstream.api import connection, gate
from kronstream.api.server import Server
from kronstream.api.settings import ApiSettings
from kronstream.clock import DateClock
from kronstream.cluster.api import ClusterApi
from kronstream.dev.loopback import free_ports
from kronstream.domain.errors import Invalid

pytestmark = pytest.mark.anyio
CLUSTER = cast("ClusterApi", SimpleNamespace(clock=DateClock()))


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_all_interfaces_are_those_of_both_families(address: str, free_port: int) -> None:
    """The kubelet asks a Pod's address of whichever family the cluster has."""
    server = Server(ApiSettings(port=free_port), CLUSTER, CollectorRegistry())
    serving = asyncio.create_task(server._server.serve())
    try:
        while not server._server.started:
            assert not serving.done()
            await asyncio.sleep(0.01)
        _, writer = await asyncio.open_connection(address, free_port)
        writer.close()
    finally:
        server._server.should_exit = True
        await serving


class Line:
    """A connection to a server of its own that serves everybody on loopback."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def begun(self) -> str:
        """The head of the next answer."""
        async with asyncio.timeout(10):
            return (await self._reader.readuntil(b"\r\n\r\n")).decode()

    async def answer(self) -> str:
        """All that is answered, until the server closes."""
        async with asyncio.timeout(10):
            return (await self._reader.read()).decode()


@pytest.fixture
async def dial(free_port: int) -> AsyncIterator[Callable[[], Awaitable[Line]]]:
    settings = ApiSettings(port=free_port, auth="none", concurrency=1)
    server = Server(settings, CLUSTER, CollectorRegistry())
    serving = asyncio.create_task(server._server.serve())
    writers: list[asyncio.StreamWriter] = []

    async def connected() -> Line:
        reader, writer = await asyncio.open_connection("127.0.0.1", free_port)
        writers.append(writer)
        return Line(reader, writer)

    while not server._server.started:
        assert not serving.done()
        await asyncio.sleep(0.01)
    yield connected
    for writer in writers:
        writer.close()
    server._server.should_exit = True
    await serving


HEAD = b"POST /api/v1/scheduler/preview HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BODY = b'{"schedule": "@daily", "n": 1}'


@pytest.mark.parametrize("begin", [b"", b"POST /api/v1", HEAD])
async def test_a_head_that_does_not_come_ends_the_connection(
    dial: Callable[[], Awaitable[Line]], monkeypatch: pytest.MonkeyPatch, begin: bytes
) -> None:
    monkeypatch.setattr(connection, "HEAD_LIMIT", 0.3)
    line = await dial()
    line.send(begin)
    assert await line.answer() == ""


async def test_a_further_request_must_come_as_well_and_a_whole_one_is_not_hurried(
    dial: Callable[[], Awaitable[Line]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_LIMIT", 0.3)
    line = await dial()
    head = HEAD + f"Content-Length: {len(BODY)}\r\n\r\n".encode()
    line.send(head)
    await asyncio.sleep(0.6)  # its head is there: what follows has another limit
    line.send(BODY)
    assert (await line.begun()).startswith("HTTP/1.1 200 OK")
    line.send(HEAD)
    assert "HTTP/1.1" not in await line.answer()


async def test_a_body_that_does_not_come_ends_the_request_and_meanwhile_there_is_no_place(
    dial: Callable[[], Awaitable[Line]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "BODY_LIMIT", 1.5)
    waits, own = asyncio.Event(), gate.read_body

    async def noted(*arguments: Any) -> Any:
        waits.set()
        return await own(*arguments)

    monkeypatch.setattr(gate, "read_body", noted)
    slow, other = await dial(), await dial()
    slow.send(HEAD + b"Content-Length: 100\r\n\r\n{")
    await asyncio.wait_for(waits.wait(), 10)
    other.send(HEAD + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
    full, late = await other.answer(), await slow.answer()
    assert full.startswith("HTTP/1.1 503 ")
    assert "retry-after: 1" in full
    assert "too many requests are under way" in full
    assert late.startswith("HTTP/1.1 408 ")
    assert "the body was not there after 1.5 s" in late
    for answer in (full, late):
        assert "application/problem+json" in answer
    again = await dial()
    again.send(HEAD + f"Connection: close\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
    assert (await again.answer()).startswith("HTTP/1.1 200 OK")


def test_nothing_is_ready_that_does_not_listen(free_port: int) -> None:
    server = Server(ApiSettings(port=free_port), CLUSTER, CollectorRegistry())
    assert server.ready() == (False, "it does not listen yet")


def test_a_port_of_its_own_is_another_port() -> None:
    with pytest.raises(Invalid, match="is the port of the API, too; write another, or 0"):
        ApiSettings(port=3051, metrics_port=3051)


@pytest.fixture
def free_port() -> int:
    (port,) = free_ports(1)
    return port
