"""The extension API server's place in the cluster: its APIService is there while it is well, and no longer.

An APIService whose server is away keeps every namespace from being deleted, for the namespace controller must know all
that is in it. So whoever installs the one must also watch over the other.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from kronstream.cluster.api import ApiError, ClusterApi
from kronstream.cluster.apiservices import NAME, ApiServices, Backend
from kronstream.controller.replicas import Replicas
from kronstream.settings import OperatorSettings
from kronstream.trouble import Trouble

log = logging.getLogger(__name__)

EVERY = 1.0
AGAIN = 30.0
ANSWER = 3.0
REQUEST = b"GET /readyz HTTP/1.1\r\nHost: kronstream-runs\r\nConnection: close\r\n\r\n"
AWAY = (ApiError, OSError, TimeoutError)

Look = Callable[[], Awaitable[None]]


class UnwellError(OSError):
    """The server answers, and says that it is not ready."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is asked how it is, and the name that its certificate must have."""

    host: str
    port: int
    name: str


class ApiService:
    """Looks after the server and the APIService; of several replicas the first one does."""

    def __init__(
        self, services: ApiServices, replicas: Replicas, backend: Callable[[], Backend], look: Look, patience: float
    ) -> None:
        """``look`` raises OSError or TimeoutError when the server is not well, ``backend`` OSError when its authority
        cannot be read; ``patience`` is seconds."""
        self._services = services
        self._replicas = replicas
        self._backend = backend
        self._look = look
        self._patience = patience
        self._well: float | None = None
        self._begun = time.monotonic()
        self._put: float | None = None
        self._removed = False

    async def run(self) -> None:
        """Look until cancelled."""
        away = Trouble(log, "the extension API server is away: executions cannot be read by kubectl")
        trouble = Trouble(log, f"APIService {NAME} cannot be kept, tried again")
        while True:
            try:
                await self._look()
                self._well = time.monotonic()
                away.over()
            except (OSError, TimeoutError) as error:
                away.tell(error)
            try:
                if self._acts:
                    await self.step(time.monotonic())
                trouble.over()
            except AWAY as error:
                trouble.tell(error)
            await asyncio.sleep(EVERY)

    @property
    def _acts(self) -> bool:
        # two that see different things would make and remove it in turn
        return self._replicas.live[0] == self._replicas.name

    async def step(self, now: float) -> None:
        """Put or remove it, by how the server was at the last look. Raises what ClusterApi raises."""
        since = now - (self._begun if self._well is None else self._well)
        if self._well is not None and since < EVERY + ANSWER:
            if self._put is None or now - self._put > AGAIN:
                if self._put is None:
                    log.info("the extension API server is well: APIService %s is put", NAME)
                await self._services.put(self._backend())
                self._put, self._removed = now, False
        elif since > self._patience and not self._removed:
            if await self._services.remove():
                log.warning("APIService %s is removed: its server is away, and namespaces could not be deleted", NAME)
            self._put, self._removed = None, True

    async def withdraw(self) -> None:
        """The last operator goes: nobody would look after it any more."""
        try:
            async with asyncio.timeout(ANSWER):
                if await self._services.remove():
                    log.info("APIService %s is removed: no operator is left to look after it", NAME)
        except AWAY as error:
            log.warning("APIService %s stays behind, remove it if its server goes, too: %s", NAME, error)


def apiservice_of(settings: OperatorSettings, api: ClusterApi, replicas: Replicas) -> ApiService | None:
    """What looks after the extension API server that the settings name; None where there is none."""
    if settings.runs_service is None:
        return None
    namespace, service, port = settings.runs_service
    authority, name = settings.runs_ca, f"{service}.{namespace}.svc"

    def backend() -> Backend:
        # read each time: it may have been renewed
        return Backend(namespace, service, port, b"" if authority is None else authority.read_bytes())

    address = Address(*(settings.runs_address or (name, port)), name)
    return ApiService(ApiServices(api), replicas, backend, looking(address, authority), settings.runs_patience / 1000)


def looking(address: Address, authority: Path | None) -> Look:
    """A look at a server over TLS, verified as kube-apiserver does."""

    async def look() -> None:
        context = ssl.create_default_context(cafile=None if authority is None else str(authority))
        async with asyncio.timeout(ANSWER):
            reader, writer = await asyncio.open_connection(
                address.host, address.port, ssl=context, server_hostname=address.name
            )
            try:
                writer.write(REQUEST)
                await writer.drain()
                line = await reader.readline()
            finally:
                writer.close()
        if b" 200 " not in line:
            raise UnwellError(line[:80].decode("ascii", "replace").strip() or "it hangs up")

    return look
