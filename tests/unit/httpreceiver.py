"""An HTTP server on loopback that notes what it was sent and answers as a test says."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Received:
    """A request: the target as it came, headers by their lower-case names, the body."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Receiver:
    """`answers` are given in turn, the last one for ever; `url` is where it listens, without a final slash."""

    answers: list[Answer | web.Response | dict[str, Any]] = field(default_factory=lambda: [{}])
    received: list[Received] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def start(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        """Listen on a free port."""
        self._runner = web.AppRunner(self._application(), handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, 0, ssl_context=tls)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http{'s' if tls else ''}://{host if ':' not in host else f'[{host}]'}:{port}"

    async def stop(self) -> None:
        """Listen no more."""
        await self._runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        return application

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(request.method, request.raw_path, headers, body))
        self.connections.add(request.transport)
        self.arrived.set()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        try:
            if callable(answer):
                return await answer(request)
        except asyncio.CancelledError:
            self.left.set()
            raise
        if isinstance(answer, dict):
            return web.Response(**answer)
        return answer


async def never(request: web.Request) -> web.StreamResponse:
    """An answer that does not come."""
    await asyncio.Event().wait()
    raise AssertionError("nobody waits as long")
