"""The extension API server over a store in memory: real HTTP over TLS, with certificates made here."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, TCPConnector, web
from prometheus_client import CollectorRegistry

from kronstream.dev.loopback import free_ports
from kronstream.dev.pki import Authority, KeyPair
from kronstream.doorway import Doorway
from kronstream.ports import Listing
from kronstream.runsapi.answering import MOST_BODY, Answering
from kronstream.runsapi.measures import Measures
from kronstream.runsapi.names import ROOT
from kronstream.runsapi.trust import Trust
from kronstream.testing import MemoryListing
from unit.office import Office

ANNA = {"X-Remote-User": "anna"}
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
DEFAULT = f"{ROOT}/namespaces/default/executions"


def config(authority: Path, *names: str) -> dict[str, Any]:
    """The ConfigMap that kube-apiserver writes."""
    return {
        "data": {
            "requestheader-client-ca-file": authority.read_text(),
            "requestheader-allowed-names": json.dumps(names or ["front-proxy-client"]),
            "requestheader-username-headers": '["X-Remote-User"]',
            "requestheader-group-headers": '["X-Remote-Group"]',
        }
    }


class Door:
    """A server that is up, and kube-apiserver's side of it."""

    def __init__(self, folder: Path, office: Office, listing: Listing | None = None) -> None:
        self.office = office
        self.cluster = Authority(folder / "cluster")
        self.front = Authority(folder / "front")
        self.client = self.front.issue("client", "front-proxy-client")
        self.pair = self.cluster.issue("server", "kronstream-runs", server=True)
        self.doorway = Doorway(self.pair.certificate, self.pair.key)
        self.answering = Answering(
            listing or MemoryListing(office.stage.store), office.runs, Measures(CollectorRegistry())
        )
        (self.port,) = free_ports(1)
        self.trust(Trust.read(config(self.front.pair.certificate)))

    def trust(self, trust: Trust) -> None:
        self.doorway.trust(trust.authority)
        self.answering.trust = trust

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Door"]:
        app = web.Application(client_max_size=MOST_BODY)
        app.router.add_route("*", "/{path:.*}", self.answering.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=self.doorway.context).start()
        try:
            yield self
        finally:
            self.answering.ending.set()
            await runner.cleanup()

    def session(self, pair: KeyPair | None) -> ClientSession:
        context = ssl.create_default_context(cafile=str(self.cluster.pair.certificate))
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        return ClientSession(f"https://localhost:{self.port}", connector=TCPConnector(ssl=context))

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] = ANNA,
        pair: KeyPair | None = None,
        certificate: bool = True,
        **query: str,
    ) -> tuple[int, Any]:
        """The status of an answer and its JSON."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        told = {**headers, **({"Content-Type": "application/json"} if content is not None else {})}
        async with (
            self.session((pair or self.client) if certificate else None) as session,
            session.request(method, path, data=content, headers=told, params=query) as answer,
        ):
            return answer.status, json.loads(await answer.read())

    @asynccontextmanager
    async def watch(self, accept: str = "application/json", **query: str) -> AsyncIterator["asyncio.Queue[Any]"]:
        """The events of a watch as they come; None at its end."""
        events: asyncio.Queue[Any] = asyncio.Queue()

        async def read() -> None:
            async with (
                self.session(self.client) as session,
                session.get(DEFAULT, headers={**ANNA, "Accept": accept}, params={"watch": "1", **query}) as answer,
            ):
                async for line in answer.content:
                    events.put_nowait(json.loads(line))
                events.put_nowait(None)

        task = asyncio.create_task(read())
        try:
            yield events
        finally:
            task.cancel()
