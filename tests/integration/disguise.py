"""A Redis behind a proxy that tells another tale of it, or lets nobody through."""

import contextlib
import socket
import socketserver
import threading
from types import TracebackType
from typing import Self

CHUNK = 1 << 20


class Disguise:
    """Between clients and a server on loopback; a context manager.

    ``tale`` replaces bytes of what the server says by as many others; with ``shut`` nobody gets in, or stays.
    """

    def __init__(self, port: int) -> None:
        self.tale: dict[bytes, bytes] = {}
        self._open: set[socket.socket] = set()
        self._shut = False
        disguise = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                if not disguise._shut:
                    disguise._pass_on(self.request, port)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 256

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shut(now=True)
        self._server.shutdown()
        self._server.server_close()

    def shut(self, *, now: bool) -> None:
        """Let nobody in, and throw out who is there; or let them in again."""
        self._shut = now
        for one in list(self._open) if now else ():
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _pass_on(self, client: socket.socket, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            both = {client, server}
            self._open |= both
            back = threading.Thread(target=self._pour, args=(server, client, True), daemon=True)
            back.start()
            self._pour(client, server, False)
            back.join()
            self._open -= both

    def _pour(self, source: socket.socket, target: socket.socket, told: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                for true, other in self.tale.items() if told else ():
                    assert len(true) == len(other)
                    data = data.replace(true, other)
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
