"""A stand-in for the HTTP API on loopback: it answers what a test prepared, and keeps what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from click.testing import CliRunner, Result

from kronstream.cli.client.connection import BASE
from kronstream.cli.main import main

UID = "5f0f6a3e-9b1c-4c77-8d0e-1f6f2f0a7c11"
RUN = f"{UID}-s1795454707000"


@dataclass(frozen=True)
class Asked:
    """A request: method, path with query, header fields by small letters, the body's value."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Reply:
    """What is answered; a text as `value` is sent as it is, `status` 0 is no answer but the end of the connection."""

    status: int = 200
    value: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class StubApi:
    """Replies by `METHOD path` (with query); a list is answered one after the other, its last for good."""

    def __init__(
        self, replies: Mapping[str, Reply | list[Reply]] | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.asked: list[Asked] = []
        self.replies: dict[str, Reply | list[Reply]] = dict(replies or {})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._answer))
        self._server.daemon_threads = True
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """As --server takes it."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def call(self, *arguments: str, stdin: str = "") -> Result:
        """What the command line makes of it."""
        return CliRunner(env={"KRONSTREAM_SERVER": self.url}).invoke(main, arguments, input=stdin or None)

    def _answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        found = self.replies.get(f"{asked.method} {asked.path.removeprefix(BASE)}")
        if found is None:
            return problem(404, f"nothing is prepared for {asked.method} {asked.path}")
        if isinstance(found, list):
            return found.pop(0) if len(found) > 1 else found[0]
        return found


def problem(status: int, detail: str, *errors: tuple[str, str], **headers: str) -> Reply:
    """A fault as the API tells it."""
    value = {"type": "https://kronstream.dev/problems/x", "title": "x", "status": status, "detail": detail}
    told = [{"field": name, "message": message} for name, message in errors]
    kind = {"Content-Type": "application/problem+json"}
    fields = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, {**value, **({"errors": told} if told else {})}, {**kind, **fields})


def page(*rows: Any, total: int | None = None) -> Reply:
    """A page of a list."""
    return Reply(200, list(rows), {"X-Total-Count": str(len(rows) if total is None else total)})


def job(name: str = "nightly", **other: Any) -> dict[str, Any]:
    """A job as the API tells it."""
    from kronstream.api.views.job import EXAMPLE

    own = {"id": str(uuid.uuid5(uuid.NAMESPACE_OID, name)), "resource_name": name, "next_run": None, "last_run": None}
    return {**EXAMPLE, "queue": "default", **own, **other}


def execution(**other: Any) -> dict[str, Any]:
    """An execution as the API tells it."""
    from kronstream.api.views.execution import EXAMPLE

    return {**EXAMPLE, **other}


def _handler(answer: Callable[[Asked], Reply]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): text for name, text in self.headers.items()}
            reply = answer(Asked(self.command, self.path, headers, json.loads(raw) if raw else None))
            if not reply.status:
                self.close_connection = True
                return
            text = reply.value if isinstance(reply.value, str) else json.dumps(reply.value)
            data = b"" if reply.status == 204 else text.encode()
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(data)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _do  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler
