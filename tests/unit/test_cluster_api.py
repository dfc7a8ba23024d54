"""What becomes of an API server that does not answer as it should."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import parse_qs, urlsplit

import pytest
from kubernetes.aio import client

from kronstream.cluster.api import ApiError, ClusterApi
from kronstream.cluster.configmaps import ConfigMap
from kronstream.cluster.jobs import Jobs
from kronstream.cluster.scheduledjobs import ScheduledJobs

pytestmark = pytest.mark.anyio


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


def lines(*lines: bytes) -> bytes:
    """A watch that ends in order after these lines."""
    return ok(b"".join(line + b"\n" for line in lines))


async def changes(answer: bytes) -> list[object]:
    async with answering(answer) as api:
        return [found async for found in ConfigMap(api, "system", "pauses").changes("17")]


async def test_a_watch_tells_each_change_until_the_server_ends_it() -> None:
    large = b'{"type": "MODIFIED", "object": {"data": {"a": "%s"}}}' % (b"x" * 1_500_000)
    added, gone = b'{"type": "ADDED", "object": {"a": 1}}', b'{"type": "DELETED", "object": {"a": 1}}'
    assert await changes(lines(added, large, gone)) == [{"a": 1}, {"data": {"a": "x" * 1_500_000}}, None]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (lines(b'{"type": "ERROR", "object": {"code": 410, "message": "too old"}}'), 410),
        (lines(b"<html>"), 502),
        (lines(b"[]"), 502),
        (lines(b'{"type": "ADDED"}'), 502),
        (lines(b"x" * 5_000_000), 502),
        (b'HTTP/1.1 403 Forbidden\r\nContent-Length: 17\r\n\r\n{"message": "no"}', 403),
    ],
    ids=["too old", "a proxy", "no change", "no object", "endless", "forbidden"],
)
async def test_a_watch_that_fails_says_so(answer: bytes, status: int) -> None:
    with pytest.raises(ApiError) as found:
        await changes(answer)
    assert found.value.status == status


@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n", ok(b'{"type":', 100)], ids=["nothing", "no HTTP", "half"])
async def test_a_watch_that_breaks_is_an_api_server_that_is_away(answer: bytes) -> None:
    with pytest.raises(OSError, match=r"."):
        await changes(answer)


async def test_a_watch_on_a_connection_that_died_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronstream.cluster.configmaps.WATCH", 0)
    monkeypatch.setattr("kronstream.cluster.api.LATER", 0.05)
    waiting = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await waiting.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    configuration = client.Configuration()
    configuration.host = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    api = ClusterApi(configuration)
    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError):
            await anext(ConfigMap(api, "system", "pauses").changes("17"))
    waiting.set()
    await api.close()
    server.close()


@pytest.mark.parametrize(("items", "found"), [(b"null", None), (b"[]", None), (b'[{"data": {}}]', {"data": {}})])
async def test_a_config_map_need_not_be_there(items: bytes, found: object) -> None:
    async with answering(ok(b'{"metadata": {"resourceVersion": "17"}, "items": %s}' % items)) as api:
        assert await ConfigMap(api, "system", "pauses").read() == (found, "17")


class Logs:
    """An API client that answers `text` from a log of so many lines of a length, as the API server would."""

    def __init__(self, lines: int, length: int) -> None:
        self.log = [str(number).rjust(length - 1, ".") for number in range(lines)]
        self.asked: list[int] = []

    async def text(self, path: str) -> bytes:
        query = parse_qs(urlsplit(path).query)
        tail, limit = int(query["tailLines"][0]), int(query["limitBytes"][0])
        self.asked.append(tail)
        return "".join(f"{line}\n" for line in self.log[-tail:]).encode()[:limit]


@pytest.mark.parametrize(("length", "asked"), [(80, [200]), (3_000, [200, 25]), (50_000, [200, 25, 3])])
async def test_a_log_is_read_from_its_end_however_long_its_lines_are(length: int, asked: list[int]) -> None:
    logs = Logs(1_000, length)
    found = await Jobs(cast("ClusterApi", logs), "run").log("ns", "pod", "main", 200)
    assert found.endswith("999\n")
    assert logs.asked == asked
