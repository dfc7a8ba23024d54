"""The probe port: metrics, health and readiness over HTTP."""

import socket
import threading
import urllib.error
import urllib.request

from prometheus_client import CollectorRegistry, Counter

from eventually import eventually
from kronstream.metrics import MOST_CONNECTIONS, ProbeServer


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_metrics_health_and_readiness() -> None:
    registry = CollectorRegistry()
    Counter("things", "Things done", registry=registry).inc(3)
    state = [(False, "waiting for Redis")]
    with ProbeServer(registry, ready=lambda: state[0], host="127.0.0.1") as server:
        assert get(server.port, "/healthz") == (200, "ok\n")
        assert get(server.port, "/readyz?verbose") == (503, "waiting for Redis\n")
        state[0] = (True, "ready")
        assert get(server.port, "/readyz") == (200, "ready\n")
        status, text = get(server.port, "/metrics")
        assert (status, "things_total 3.0" in text) == (200, True)
        assert get(server.port, "/else")[0] == 404


def test_idle_connections_keep_no_probe_out() -> None:
    def threads() -> int:
        return sum("process_request_thread" in thread.name for thread in threading.enumerate())

    with ProbeServer(CollectorRegistry(), ready=lambda: (True, "ready"), host="127.0.0.1") as server:
        before = threads()
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(MOST_CONNECTIONS + 20)]
        assert get(server.port, "/readyz") == (200, "ready\n")
        assert idle[0].recv(1) == b""
        assert threads() > before
        eventually(lambda: threads() - before <= MOST_CONNECTIONS)
        idle[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle[-1].recv(12) == b"HTTP/1.1 200"
        for connection in idle:
            connection.close()


def test_a_check_that_raises_is_not_ready() -> None:
    def broken() -> tuple[bool, str]:
        raise RuntimeError("secret detail")

    with ProbeServer(CollectorRegistry(), ready=broken, host="127.0.0.1") as server:
        status, text = get(server.port, "/readyz")
        assert status == 503
        assert "secret" not in text


def test_every_interface_by_default() -> None:
    with ProbeServer(CollectorRegistry(), ready=lambda: (True, "ready")) as server:
        assert get(server.port, "/readyz")[0] == 200
