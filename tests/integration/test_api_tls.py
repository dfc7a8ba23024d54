"""The API as careful administrators run it: TLS whose files are replaced, metrics apart, tokens of its own."""

import os
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from eventually import eventually
from integration.installation import START, Installation
from kronstream.dev.components import KRONSTREAM
from kronstream.dev.loopback import free_ports
from kronstream.dev.pki import KeyPair
from kronstream.dev.process import Process
from unit.pagecommands import DOOR, claimed


@pytest.fixture
def ports(doored: Installation, tmp_path: Path) -> Iterator[tuple[int, int]]:
    """The ports of an API with TLS, whose files are tls.crt and tls.key, and of its metrics."""
    port, measured = free_ports(2)
    put(doored.plane._authority.issue("api-tls-1", "kronstream-api", server=True), tmp_path)
    environ = {
        **os.environ,
        "KUBECONFIG": str(doored.plane.kubeconfig_for("kronstream-api")),
        "KRONSTREAM_REDIS_URL": doored.plane.redis_url,
        "KRONSTREAM_API_HOST": "127.0.0.1",
        "KRONSTREAM_API_PORT": str(port),
        "KRONSTREAM_API_METRICS_PORT": str(measured),
        "KRONSTREAM_API_AUDIENCES": "another,kronstream",
        "KRONSTREAM_API_TLS_CERT": str(tmp_path / "tls.crt"),
        "KRONSTREAM_API_TLS_KEY": str(tmp_path / "tls.key"),
    }
    process = Process("api-tls", [*KRONSTREAM, "api"], tmp_path / "api-tls.log", environ=environ)
    process.start()

    def ready() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{measured}/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    try:
        process.wait_until(ready, START)
        yield port, measured
    finally:
        process.stop(15, 10)


def put(pair: KeyPair, folder: Path) -> None:
    shutil.copy(pair.key, folder / "tls.key")
    shutil.copy(pair.certificate, folder / "tls.crt")


def test_a_token_is_for_whom_it_was_made(doored: Installation, ports: tuple[int, int]) -> None:
    (command,) = (one.text.split() for one in claimed(DOOR) if "create token" in one.text)
    assert command[:4] == ["kubectl", "create", "token", "pipeline"]
    doored.plane.kubectl("create", "serviceaccount", "for-one-door", "-n", "default")
    account = ("create", "token", "for-one-door", "-n", "default")
    assert command[4:6] == ["-n", "team-a"]
    duration, audience = command[6:]

    def asked(*options: str, port: int = ports[0], scheme: str = "https") -> int:
        token = doored.plane.kubectl(*account, *options).strip()
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{scheme}://127.0.0.1:{port}/api/v1/scheduler/preview"
        return httpx.post(url, json={"schedule": "@daily"}, headers=headers, verify=False).status_code

    assert asked(duration, audience) == 200
    assert asked() == 401
    assert asked("--audience=vault") == 401
    # an API without audiences asks for those of the API server
    others = doored.components["api-3"].port
    assert asked(port=others, scheme="http") == 200
    assert asked(audience, port=others, scheme="http") == 401


def test_the_certificate_is_read_again_and_metrics_are_apart(
    doored: Installation, ports: tuple[int, int], tmp_path: Path
) -> None:
    served, measured = ports
    context = ssl.create_default_context(cafile=str(doored.plane.folder / "pki" / "ca.crt"))
    answer = httpx.get(f"https://127.0.0.1:{served}/api/v1/scheduler/jobs", verify=context)
    assert answer.status_code == 401
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{served}/healthz")
    assert "kronstream_certificate" in httpx.get(f"http://127.0.0.1:{measured}/metrics").text
    assert httpx.get(f"https://127.0.0.1:{served}/metrics", verify=context).status_code == 404
    assert httpx.get(f"https://127.0.0.1:{served}/readyz", verify=context).status_code == 200
    first = ssl.get_server_certificate(("127.0.0.1", served))
    put(doored.plane._authority.issue("api-tls-2", "kronstream-api", server=True), tmp_path)
    eventually(lambda: ssl.get_server_certificate(("127.0.0.1", served)) != first, 15)
