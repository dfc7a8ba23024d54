"""What becomes of an API server that does not answer as it should."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from kubernetes.aio import client

from kronstream.cluster.api import ApiError, ClusterApi
from kronstream.cluster.scheduledjobs import ScheduledJobs

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[ClusterApi]:
    """A client of a server that sends these bytes after every request and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    configuration = client.Configuration()
    configuration.host = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    configuration.retries = None
    api = ClusterApi(configuration)
    yield api
    await api.close()
    server.close()


def ok(body: bytes, length: int | None = None) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length or len(body)}\r\n\r\n"
    return head.encode() + body


async def test_an_answer_is_parsed() -> None:
    async with answering(ok(b'{"kind": "X"}')) as api:
        assert await api.send("GET", "/x") == {"kind": "X"}


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n", ok(b"{", 100)], ids=["nothing", "no HTTP", "half"])
async def test_a_connection_that_breaks_is_an_api_server_that_is_away(method: str, answer: bytes) -> None:
    async with answering(answer) as api:
        with pytest.raises(OSError, match=r"."):
            await api.send(method, "/x", {} if method == "PATCH" else None)


async def test_what_is_not_json_is_refused_as_an_answer() -> None:
    async with answering(ok(b"<html>a proxy</html>")) as api:
        with pytest.raises(ApiError, match="not JSON") as found:
            await api.send("GET", "/x")
    assert found.value.status == 502


async def test_an_empty_metadata_list_is_no_job() -> None:
    async with answering(ok(b'{"metadata": {}, "items": null}')) as api:
        assert await ScheduledJobs(api).list_metadata() == []
