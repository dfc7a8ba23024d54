"""Events on their way in, on a real Redis that goes away in every manner there is."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis import Redis as BlockingRedis
from redis.exceptions import RedisError

from eventually import eventually
from kronstream.operations import Ingest, Unavailable
from kronstream.operations.ingest import BATCH, STRUCTURED
from kronstream.resources.cloudevent import read_event
from kronstream.streams.connection import connect
from kronstream.streams.eventlog import RedisEventLog
from kronstream.streams.keys import Keys

pytestmark = pytest.mark.anyio

STREAM = "stream:events"
LEAST = {"specversion": "1.0", "id": "1", "source": "/s", "type": "a.b"}


class Server:
    """A Redis that may be killed, frozen and started again; it keeps what it was told."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.client = BlockingRedis(unix_socket_path=str(self.socket), decode_responses=True)
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        assert program, "no redis-server on PATH: run `make redis`"
        self._command = [
            program, "--port", "0", "--unixsocket", str(self.socket), "--dir", str(folder), "--save", "",
            "--appendonly", "yes", "--appendfsync", "always",
        ]  # fmt: skip
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        eventually(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False

    def kill(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def events(self) -> list[str]:
        return [read_event(fields["event"]).id for _, fields in self.client.xrange(STREAM)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.kill()


@pytest.fixture
async def ingest(server: Server) -> AsyncIterator[Ingest]:
    redis = connect(server.url, timeout=4)
    yield Ingest(RedisEventLog(redis, Keys()), STREAM)
    await redis.aclose()


def now() -> int:
    return int(time.time() * 1_000)


async def send(ingest: Ingest, *ids: str) -> tuple[str, ...]:
    if len(ids) == 1:
        body, media_type = json.dumps(LEAST | {"id": ids[0]}), STRUCTURED
    else:
        body, media_type = json.dumps([LEAST | {"id": name} for name in ids]), BATCH
    return (await ingest.accept({"content-type": media_type}, body.encode(), now())).ids


async def refused(ingest: Ingest, *ids: str) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        await send(ingest, *ids)
    assert caught.value.retry_after > 0
    return caught.value


async def test_what_was_accepted_is_there_when_redis_was_killed_and_what_was_not_is_503(
    server: Server, ingest: Ingest
) -> None:
    assert await send(ingest, "1", "2") == ("1", "2")
    server.kill()
    await refused(ingest, "3")
    await refused(ingest, "3", "4")
    server.start()
    assert await send(ingest, "5") == ("5",)
    assert server.events() == ["1", "2", "5"]


async def test_a_redis_that_stands_still_is_503_and_a_second_try_has_the_same_id(
    server: Server, ingest: Ingest
) -> None:
    await send(ingest, "1")
    os.kill(server.process.pid, signal.SIGSTOP)
    begin = time.monotonic()
    await refused(ingest, "2")
    assert time.monotonic() - begin < 30
    os.kill(server.process.pid, signal.SIGCONT)
    eventually(server._answers)
    assert await send(ingest, "2") == ("2",)
    # the first try may have been carried out when it woke up: readers know it by its id
    assert set(server.events()) == {"1", "2"}


async def test_a_redis_that_is_full_or_a_replica_is_503_and_keeps_no_half_of_a_batch(
    server: Server, ingest: Ingest
) -> None:
    server.client.config_set("maxmemory", 1)
    assert "OutOfMemory" in str(await refused(ingest, "1", "2"))
    server.client.config_set("maxmemory", 0)
    server.client.replicaof("127.0.0.1", 1)
    await refused(ingest, "1", "2")
    server.client.replicaof("NO", "ONE")
    assert server.events() == []
    assert await send(ingest, "1", "2") == ("1", "2")


async def test_a_key_that_is_no_stream_is_503_and_is_left_alone(server: Server, ingest: Ingest) -> None:
    server.client.set(STREAM, "mine")
    assert STREAM in str(await refused(ingest, "1"))
    assert server.client.get(STREAM) == "mine"


async def test_back_pressure_ends_when_the_readers_catch_up(server: Server) -> None:
    redis = connect(server.url)
    log = RedisEventLog(redis, Keys())
    await log.join(STREAM, "$")
    ingest = Ingest(log, STREAM, 2)
    await send(ingest, "1", "2")
    assert "2 events wait" in str(await refused(ingest, "3"))
    entries = await log.read([STREAM], "a", 10, 0)
    await refused(ingest, "3")
    await log.ack(STREAM, [entry.id for entry in entries])
    assert await send(ingest, "3") == ("3",)
    # nothing was deleted: others may read it
    assert server.events() == ["1", "2", "3"]
    await redis.aclose()


def emit(*arguments: str, redis: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kronstream.cli.main", "emit", "--direct", *arguments]
    environ = os.environ | {"KRONSTREAM_REDIS_URL": redis}
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False, env=environ)


def test_emit_sends_and_prints_the_id(server: Server) -> None:
    done = emit(
        "workflow.completed", "--data", "-", "--platform", "p", redis=server.url, stdin='{"workflow_id": "123"}'
    )
    assert (done.returncode, done.stderr) == (0, "")
    ((_, fields),) = server.client.xrange(STREAM)
    event = read_event(fields["event"], now())
    assert event.id == done.stdout.strip()
    assert (event.type, event.platform, event.data) == ("workflow.completed", "p", {"workflow_id": "123"})
    assert abs(now() - (event.time or 0)) < 60_000
    other = emit("a.b", "--stream", "stream:other", "--id", "x", redis=server.url)
    assert other.stdout == "x\n"
    assert server.client.xlen("stream:other") == 1
    assert emit("a.b", "--dry-run", redis=server.url).returncode == 0
    assert server.client.xlen(STREAM) == 1


def test_emit_says_when_redis_did_not_take_it(server: Server) -> None:
    server.client.set(STREAM, "mine")
    done = emit("a.b", redis=server.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{STREAM} is no stream in Redis" in done.stderr
    server.kill()
    done = emit("a.b", redis=server.url)
    assert (done.returncode, done.stdout) == (4, "")
    assert "KRONSTREAM_REDIS_URL" in done.stderr
    assert "Traceback" not in done.stderr
