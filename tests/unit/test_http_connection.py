"""Connections that fail, end, are kept."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp import InvalidURL

from kronstream.worker.http.unanswered import failed
from unit.httpbench import TOKEN, Bench, fault
from unit.httpreceiver import Receiver, never

pytestmark = pytest.mark.anyio


async def test_nobody_listens(http: Bench) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/?secret=hunter2"
        told = await fault(http, http={"url": url})

    assert (told.kind, told.codes, told.permanent) == ("HttpConnect", ("http:connect",), False)
    assert "gave no answer: ClientConnectorError" in str(told)
    assert "hunter2" not in str(told) + http.tail.text()
    assert "gave no answer" in http.tail.text()


async def test_a_connection_takes_too_long(http: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from kronstream.worker.http import gate

    monkeypatch.setattr(gate, "CONNECT", 0.2)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        try:
            told = await fault(http, http={"url": f"http://127.0.0.1:{address[1]}/"})
        finally:
            for filler in fillers:
                filler.close()

    assert (told.kind, told.codes) == ("HttpTimeout", ("http:timeout",))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"", "closed the connection without an answer"),
        (b"HTTP/1.1 2", "closed the connection without an answer"),
        (b"SSH-2.0-x\r\n", "gave an answer that is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", "gave an answer that is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhunter2", "gave an answer that ended too early"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhunter2\r\n", "gave an answer that is not HTTP"),
        (None, "gave an answer that is not HTTP"),
    ],
    ids=["nothing", "begun", "ssh", "endless-header", "cut", "bad-chunk", "echo"],
)
async def test_an_answer_that_is_none(http: Bench, said: bytes | None, told: str) -> None:
    """Nothing of it is repeated: a service that echoes what it was sent repeats secrets."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(head if said is None else said)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/?key=hunter2"
        found = await fault(http, http={"url": url, "headersFrom": [TOKEN]})

    assert (found.kind, found.codes, found.permanent) == ("HttpConnect", ("http:connect",), False)
    assert told in str(found)
    assert "hunter2" not in str(found) + http.tail.text()


async def test_a_cancelled_attempt_closes_its_connection(http: Bench, receiver: Receiver) -> None:
    receiver.answers = [never]
    task = asyncio.create_task(http.send())
    async with asyncio.timeout(10):
        await receiver.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await receiver.left.wait()


async def test_a_connection_is_used_again(http: Bench, receiver: Receiver) -> None:
    for _ in range(3):
        await http.send()

    assert len(receiver.connections) == 1


async def test_cookies_are_not_kept_for_another_job(http: Bench, receiver: Receiver) -> None:
    receiver.answers = [{"headers": {"Set-Cookie": "session=hunter2"}}]
    await http.send()
    await http.send()

    assert "cookie" not in receiver.received[1].headers


def test_what_the_client_takes_for_no_url_is_refused() -> None:
    told = failed(InvalidURL("https://x"), "https://x")

    assert (told.codes, told.permanent) == (("http:refused",), True)
