"""The APIService is there while its server is well: put, kept, removed after a while, left to the first replica."""

import asyncio
import ssl
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kronstream.cluster.api import ApiError, ClusterApi
from kronstream.cluster.apiservices import ApiServices, Backend, manifest
from kronstream.controller.apiservice import Address, ApiService, apiservice_of, looking
from kronstream.controller.replicas import Replicas
from kronstream.dev.loopback import free_ports
from kronstream.dev.pki import Authority
from kronstream.setting import read_settings
from kronstream.settings import OperatorSettings
from unit.fakecluster import until

pytestmark = pytest.mark.anyio

BACKEND = Backend("kronstream-system", "kronstream-runs", 443, b"pem")


class Services(ApiServices):
    """What was asked of the API server; ``fault`` is what it answers."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fault: Exception | None = None

    async def put(self, backend: Backend) -> None:
        self.calls.append(f"put {backend.service}")
        if self.fault:
            raise self.fault

    async def remove(self) -> bool:
        self.calls.append("remove")
        if self.fault:
            raise self.fault
        return True


class Scene:
    """A replica that looks after a server; ``well`` says how that is."""

    def __init__(self) -> None:
        self.services = Services()
        self.well = True
        self.looks = 0
        self.replicas = SimpleNamespace(name="b", live=("b",))
        replicas = cast("Replicas", self.replicas)
        self.part = ApiService(self.services, replicas, lambda: BACKEND, self.look, patience=60)

    async def look(self) -> None:
        self.looks += 1
        if not self.well:
            raise ConnectionRefusedError("nobody there")

    async def turn(self, now: float) -> list[str]:
        """What is done at an instant; the server is looked at just before."""
        if self.well:
            self.part._well = now - 0.1
        before = len(self.services.calls)
        await self.part.step(now)
        return self.services.calls[before:]


async def test_it_is_put_when_the_server_is_well_and_again_from_time_to_time() -> None:
    scene = Scene()
    assert await scene.turn(1_000) == ["put kronstream-runs"]
    assert await scene.turn(1_001) == []
    # somebody may have removed it, or the authority was renewed
    assert await scene.turn(1_031) == ["put kronstream-runs"]


async def test_it_is_removed_after_a_minute_and_comes_back() -> None:
    scene = Scene()
    await scene.turn(1_000)
    scene.well = False
    assert await scene.turn(1_059) == []
    assert await scene.turn(1_061) == ["remove"]
    assert await scene.turn(1_062) == []
    scene.well = True
    assert await scene.turn(1_063) == ["put kronstream-runs"]


async def test_one_that_was_left_behind_is_removed_when_the_server_does_not_come() -> None:
    scene = Scene()
    scene.well = False
    begun = scene.part._begun
    assert await scene.turn(begun + 59) == []
    assert await scene.turn(begun + 61) == ["remove"]


async def test_what_failed_is_tried_again() -> None:
    scene = Scene()
    scene.services.fault = ApiError(503, "away")
    for _ in range(2):
        with pytest.raises(ApiError):
            await scene.turn(1_000)
    assert scene.services.calls == ["put kronstream-runs"] * 2
    await scene.part.withdraw()  # told in the log, and that is all


async def test_only_the_first_replica_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronstream.controller.apiservice.EVERY", 0.0)
    scene = Scene()
    scene.replicas.live = ("a", "b")
    task = asyncio.create_task(scene.part.run())
    await until(lambda: scene.looks > 3)
    assert scene.services.calls == []
    scene.replicas.live = ("b",)
    await until(lambda: scene.services.calls)
    scene.well = False
    await until(lambda: scene.looks > 30)
    assert set(scene.services.calls) == {"put kronstream-runs"}
    task.cancel()


def test_the_object() -> None:
    told = manifest(BACKEND)
    assert told["metadata"]["name"] == "v1.runs.kronstream.dev"
    assert told["spec"]["service"] == {"namespace": "kronstream-system", "name": "kronstream-runs", "port": 443}
    assert told["spec"]["caBundle"] == "cGVt"
    assert "insecureSkipTLSVerify" not in told["spec"]


def test_it_is_off_unless_a_service_is_named() -> None:
    api, replicas = cast("ClusterApi", None), cast("Replicas", None)
    assert apiservice_of(read_settings(OperatorSettings, {}), api, replicas) is None
    named = read_settings(OperatorSettings, {"KRONSTREAM_RUNS_SERVICE": "kronstream-system/kronstream-runs:443"})
    assert named.runs_service == ("kronstream-system", "kronstream-runs", 443)
    assert apiservice_of(named, api, replicas) is not None


async def serve(answer: bytes, pki: Path, *names: str) -> tuple[Any, int]:
    pair = Authority(pki).issue("server", "kronstream-runs", server=True, names=names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    (port,) = free_ports(1)
    return await asyncio.start_server(handle, "127.0.0.1", port, ssl=context), port


async def test_a_look_verifies_the_name_and_reads_the_answer(tmp_path: Path) -> None:
    name, authority = "kronstream-runs.kronstream-system.svc", tmp_path / "ca.crt"
    server, port = await serve(b"HTTP/1.1 200 OK\r\n\r\n", tmp_path, name)
    await looking(Address("127.0.0.1", port, name), authority)()
    with pytest.raises(ssl.SSLCertVerificationError):
        await looking(Address("127.0.0.1", port, "other.svc"), authority)()
    with pytest.raises(ssl.SSLCertVerificationError):
        await looking(Address("127.0.0.1", port, name), None)()
    server.close()
    with pytest.raises(OSError, match=r"."):
        await looking(Address("127.0.0.1", port, name), authority)()
    server, port = await serve(b"HTTP/1.1 503 no\r\n\r\n", tmp_path, name)
    with pytest.raises(OSError, match="503"):
        await looking(Address("127.0.0.1", port, name), authority)()
    server.close()
    with pytest.raises(OSError, match=r"."):
        await looking(Address("127.0.0.1", port, name), tmp_path / "missing.crt")()
