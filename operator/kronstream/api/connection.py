"""Connections of callers: one that brings no request is closed, which uvicorn's own would wait for without end."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_LIMIT = 10.0
"""Seconds from a connection's begin, or from the first byte of a further request, to the end of the request's head."""


class Connection(H11Protocol):
    """HTTP/1.1 over one connection; between two requests uvicorn's own limit holds."""

    _begun: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # before the first request there is no cycle, whatever its annotation says
        if self.cycle is not None and not self.cycle.response_complete:  # type: ignore[redundant-expr]
            self._stop_waiting()
        elif self._begun is None:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._begun = self.loop.call_later(HEAD_LIMIT, self._late)

    def _stop_waiting(self) -> None:
        if self._begun is not None:
            self._begun.cancel()
            self._begun = None

    def _late(self) -> None:
        self._begun = None
        if not self.transport.is_closing():
            self.transport.close()
