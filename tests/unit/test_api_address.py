"""Where the HTTP API listens."""

import asyncio
import socket
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from kronstream.api.server import Server
from kronstream.api.settings import ApiSettings
from kronstream.cluster.api import ClusterApi
from kronstream.domain.errors import Invalid

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_all_interfaces_are_those_of_both_families(address: str, free_port: int) -> None:
    """The kubelet asks a Pod's address of whichever family the cluster has."""
    server = Server(ApiSettings(port=free_port), cast("ClusterApi", None), CollectorRegistry())
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


def test_nothing_is_ready_that_does_not_listen(free_port: int) -> None:
    server = Server(ApiSettings(port=free_port), cast("ClusterApi", None), CollectorRegistry())
    assert server.ready() == (False, "it does not listen yet")


def test_a_port_of_its_own_is_another_port() -> None:
    with pytest.raises(Invalid, match="is the port of the API, too; write another, or 0"):
        ApiSettings(port=3051, metrics_port=3051)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
