"""An HTTP server on loopback, in a thread, that notes what jobs send and answers as a test says."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Call:
    """A request: headers by their lower-case names; `gone` is set when the sender closed its connection."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    gone: threading.Event = field(default_factory=threading.Event, compare=False)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """An answer; `hold` is waited for until the sender is gone."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    hold: bool = False


class Hook:
    """A context manager; `calls` are what came, `reply` gives the answer to each."""

    def __init__(self, reply: Callable[[Call], Reply] = lambda call: Reply()) -> None:
        self.calls: list[Call] = []
        self.reply = reply
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                call = Call(self.command, self.path, headers, body)
                hook.calls.append(call)
                reply = hook.reply(call)
                if reply.hold:
                    self.connection.recv(1)  # nothing is sent any more: it returns when the other side has closed
                    call.gone.set()
                    self.close_connection = True
                    return
                content = reply.body.encode()
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(content)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: object) -> None:
                pass

        for method in ("GET", "POST", "PUT", "DELETE"):
            setattr(Handler, f"do_{method}", Handler._answer)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
