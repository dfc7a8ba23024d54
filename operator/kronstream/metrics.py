"""What a process tells a monitor: /metrics, /healthz and /readyz on a port of its own, served by a thread."""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

Check = Callable[[], tuple[bool, str]]
"""Answers whether something is well, and a line about it. Asked in the server's thread; must not block."""

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 64  # each has a thread of a process that has other things to do


def alive() -> tuple[bool, str]:
    """The check of a process that is healthy as long as it answers."""
    return True, "ok"


class ProbeServer:
    """Serves a registry and two checks until closed; port 0 takes a free one, which `port` tells.

    Raises OSError when the port cannot be had.
    """

    def __init__(
        self, registry: CollectorRegistry, ready: Check, healthy: Check = alive, port: int = 0, host: str = ""
    ) -> None:
        handler = type(
            "Handler", (_Handler,), {"registry": registry, "checks": {"/healthz": healthy, "/readyz": ready}}
        )
        self._server = _Server(_address(host, port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="probes", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop serving; safe to repeat."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def __enter__(self) -> ProbeServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _address(host: str, port: int) -> tuple[str, int]:
    if host:
        return host, port
    # one socket for both families, since a cluster may have either
    return ("::" if socket.has_dualstack_ipv6() else "0.0.0.0"), port  # noqa: S104 - kubelet asks from outside


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[int, socket.socket] = OrderedDict()
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """A new connection gets a thread; it is the oldest that has to go: a probe is always new."""
        with self._lock:
            self._open[id(request)] = request
            if len(self._open) > MOST_CONNECTIONS:
                with contextlib.suppress(OSError):
                    self._open.popitem(last=False)[1].shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Its thread is done with it."""
        with self._lock:
            self._open.pop(id(request), None)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        # a probe that hangs up is not worth a traceback
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # not HTTPServer's: it looks the host's name up, which may take seconds
        super(ThreadingHTTPServer, self).server_bind()


class _Handler(BaseHTTPRequestHandler):
    registry: CollectorRegistry
    checks: dict[str, Check]
    timeout = 10
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/metrics":
            encode, content_type = choose_encoder(self.headers.get("Accept", ""))
            self._answer(200, encode(self.registry), content_type)
        elif path in self.checks:
            well, text = self._ask(self.checks[path])
            self._answer(200 if well else 503, f"{text}\n".encode(), "text/plain; charset=utf-8")
        else:
            self._answer(404, b"/metrics, /healthz and /readyz are here\n", "text/plain; charset=utf-8")

    def _ask(self, check: Check) -> tuple[bool, str]:
        try:
            return check()
        except Exception:
            log.exception("a health check failed")
            return False, "the check itself failed; see the log"

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        log.debug(format, *args)
