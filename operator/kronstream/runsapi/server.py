"""A replica of the extension API server: its rooms put together, and its life from start to stop."""

import asyncio
import logging
import ssl

from aiohttp import web
from prometheus_client import CollectorRegistry

from kronstream.cluster.api import ApiError, ClusterApi
from kronstream.cluster.configmaps import ConfigMap, Object
from kronstream.cluster.identity import cluster_id
from kronstream.doorway import Doorway
from kronstream.health import Pace
from kronstream.operations import Runs
from kronstream.rooms import live_together
from kronstream.runsapi.answering import MOST_BODY, Answering
from kronstream.runsapi.measures import Measures
from kronstream.runsapi.settings import RunsSettings
from kronstream.runsapi.trust import NAME, NAMESPACE, Trust, Untold
from kronstream.streams.connection import connect
from kronstream.streams.keys import Keys
from kronstream.streams.listing import RedisListing
from kronstream.streams.ownership import Ownership
from kronstream.streams.records import Records
from kronstream.streams.requests import RedisRequests
from kronstream.streams.suitability import Suitability
from kronstream.trouble import Trouble
from kronstream.vitals import CertificateVitals, introduce

log = logging.getLogger(__name__)

CONNECTIONS = 32
BACKOFF = (0.2, 0.5, 1.0, 2.0, 5.0)
SHUTDOWN = 3.0


class RunsServer:
    """Serves until it is cancelled.

    Nothing of it is Redis' but the executions: discovery goes on without, and so readiness does not ask for it.
    """

    def __init__(self, settings: RunsSettings, api: ClusterApi, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._redis = connect(settings.redis.url, connections=CONNECTIONS, timeout=settings.store_timeout / 1000)
        keys = Keys(settings.redis.base_stream)
        requests = RedisRequests(self._redis, keys, settings.redis.group)
        introduce(registry)
        measures = Measures(registry)
        runs = Runs(requests, Records(self._redis, keys))
        self._answering = Answering(RedisListing(self._redis, keys), runs, measures)
        self._certificate = CertificateVitals(registry)
        self._certificate.read(settings.certificate)
        self.paces: list[Pace] = []
        self._config = ConfigMap(api, NAMESPACE, NAME)
        self._doorway = Doorway(settings.certificate, settings.key)
        self._doorway.reread = lambda: self._certificate.read(settings.certificate)
        self._serving = False
        ownership = Ownership(self._redis, keys, lambda: cluster_id(api), settings.redis.installation)
        self._store = Suitability(self._redis, ownership, date=api.clock)
        self._answering.unfit = lambda: self._store.unfit

    def ready(self) -> tuple[bool, str]:
        """Whether requests are answered, and a line that says why not."""
        if self._answering.trust is None:
            return False, f"ConfigMap {NAMESPACE}/{NAME} was not read yet"
        if not self._serving:
            return False, "not listening yet"
        if self._store.fault:
            return True, f"serving, without executions: {self._store.fault}"
        return True, self._store.beside("serving")

    async def run(self) -> None:
        """Run until cancelled."""
        runner = self._runner()
        await runner.setup()
        try:
            site = web.TCPSite(
                runner,
                self._settings.host or None,
                self._settings.port,
                ssl_context=self._doorway.context,
                backlog=256,
            )
            await site.start()
            self._serving = True
            await live_together((self._follow, self._store.run, self._doorway.run))
        finally:
            self._answering.ending.set()
            await runner.cleanup()
            await self._redis.aclose()

    def _runner(self) -> web.AppRunner:
        app = web.Application(client_max_size=MOST_BODY)
        app.router.add_route("*", "/{path:.*}", self._answering.answer)
        return web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN, handle_signals=False)

    async def _follow(self) -> None:
        """Follow the ConfigMap until cancelled; while it cannot be read, what it said stays in force."""
        trouble = Trouble(log, f"ConfigMap {NAMESPACE}/{NAME} cannot be used, tried again")
        failures = 0
        while True:
            try:
                found, version = await self._config.read()
                self._take(found)
                trouble.over()
                failures = 0
                async for found in self._config.changes(version):
                    self._take(found)
            except (ApiError, OSError, TimeoutError, Untold) as error:
                if failures or isinstance(error, Untold):
                    trouble.tell(error)
                await asyncio.sleep(BACKOFF[min(failures, len(BACKOFF) - 1)])
                failures += 1

    def _take(self, config: Object | None) -> None:
        trust = Trust.read(config)
        if trust == self._answering.trust:
            return
        try:
            self._doorway.trust(trust.authority)
        except ssl.SSLError as error:
            raise Untold(f"requestheader-client-ca-file cannot be used: {error}") from None
        self._answering.trust = trust
        log.info("kube-apiserver is recognised by its certificate: %s", ", ".join(sorted(trust.names)) or "any name")
