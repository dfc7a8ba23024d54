"""The API as a process: its parts put together, and its life from start to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from kronstream.api.app import create_app
from kronstream.api.carrying import AWAY, carry
from kronstream.api.connection import Connection
from kronstream.api.following import Following
from kronstream.api.identity import Identity
from kronstream.api.limits import CallerLimit
from kronstream.api.services import Services
from kronstream.api.settings import ApiSettings
from kronstream.api.strangers import Strangers
from kronstream.cluster.api import ClusterApi
from kronstream.cluster.eventhandlers import EventHandlers
from kronstream.cluster.identity import cluster_id
from kronstream.cluster.jobstore import ClusterJobStore
from kronstream.cluster.reviews import ClusterReviews
from kronstream.cluster.scheduledjobs import ScheduledJobs
from kronstream.health import Health, Pace
from kronstream.operations.backfills import Backfills
from kronstream.operations.bulk import Bulk
from kronstream.operations.catalogue import Catalogue
from kronstream.operations.eventletters import EventDeadLetters
from kronstream.operations.executions import Executions
from kronstream.operations.ingest import Ingest
from kronstream.operations.jobs import Jobs
from kronstream.operations.letters import DeadLetters
from kronstream.operations.pausing import Pausing
from kronstream.operations.runs import Runs
from kronstream.operations.shelf import Shelf
from kronstream.operations.trigger import Trigger
from kronstream.rooms import live_together
from kronstream.streams.answers import RedisAnswers
from kronstream.streams.connection import connect
from kronstream.streams.effects import RedisEffects
from kronstream.streams.eventletters import RedisEventLetters
from kronstream.streams.eventlog import RedisEventLog
from kronstream.streams.externals import RedisExternals
from kronstream.streams.keys import Keys
from kronstream.streams.ledger import RedisLedger
from kronstream.streams.letters import RedisLetters
from kronstream.streams.listing import RedisListing
from kronstream.streams.orders import RedisOrders
from kronstream.streams.ownership import Ownership
from kronstream.streams.queues import RedisQueues
from kronstream.streams.records import Records
from kronstream.streams.requests import RedisRequests
from kronstream.streams.suitability import Suitability
from kronstream.trouble import Trouble
from kronstream.vitals import CertificateVitals, RedisVitals, WatchVitals, introduce

log = logging.getLogger(__name__)

GRACE = 3  # seconds that requests have to end; shorter than the patience with a room
CERTIFICATES = 2.0
CONNECTIONS = 10
"""So many times as many connections as requests under way: most are kept for the next request, or for a stream."""


class Server:
    """One API process. ``run`` ends when its task is cancelled; ``ready`` answers the readiness probe."""

    def __init__(self, settings: ApiSettings, api: ClusterApi, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._redis = connect(settings.redis.url, connections=32)
        self._counting = connect(settings.redis.url, connections=32, timeout=1.0)
        self._ending = False
        self._begun = asyncio.Event()
        catalogue = Catalogue()
        jobs = ScheduledJobs(api, settings.namespaces)
        introduce(registry)
        keys = Keys(settings.redis.base_stream)
        ownership = Ownership(self._redis, keys, lambda: cluster_id(api), settings.redis.installation)
        self._store = Suitability(self._redis, ownership, RedisVitals(registry), api.clock)
        watches = WatchVitals(registry)
        self._certificate = CertificateVitals(registry) if settings.tls_cert else None
        self.paces: list[Pace] = []
        shelf, handlers = Shelf(settings.event_namespaces), EventHandlers(api, settings.namespaces)
        every = settings.relist / 1000
        self._following = (
            Following(jobs, settings.namespaces, catalogue, every, watches, self.paces),
            Following(handlers, settings.namespaces, shelf, every, watches, self.paces),
        )
        self._services = self._composed(settings, api, registry, catalogue, shelf)
        self._server = _Uvicorn(self._config())

    def ready(self) -> tuple[bool, str]:
        """Whether calls can be answered, and a line that says why not."""
        if not self._server.started:
            return False, "it does not listen yet"
        fault = self._store.fault or next((one.fault for one in self._following if one.fault), "")
        return not fault, fault or self._store.beside(f"{len(self._services.catalogue)} job(s)")

    async def run(self) -> None:
        """Serve until cancelled."""
        rooms = [*(one.run for one in self._following), self._store.run, self._serve, self._carry]
        if self._settings.tls_cert:
            rooms.append(self._renew)
        try:
            await live_together(rooms)
        finally:
            for redis in (self._redis, self._counting):
                await redis.aclose()

    def _composed(
        self,
        settings: ApiSettings,
        api: ClusterApi,
        registry: CollectorRegistry,
        catalogue: Catalogue,
        shelf: Shelf,
    ) -> Services:
        redis, keys, group = self._redis, Keys(settings.redis.base_stream), settings.redis.group
        requests, records, answers = RedisRequests(redis, keys, group), Records(redis, keys), RedisAnswers(redis, keys)
        runs = Runs(requests, records)
        trigger = Trigger(RedisEffects(redis, keys, group), requests)
        executions = Executions(records, runs)
        storage = counters(self._counting)
        return Services(
            identity=Identity(
                None if settings.auth == "none" else ClusterReviews(api, settings.audiences),
                Strangers(settings.stranger_rate),
            ),
            catalogue=catalogue,
            jobs=Jobs(ClusterJobStore(api), catalogue, answers, present),
            runs=runs,
            executions=executions,
            bulk=Bulk(RedisOrders(redis, keys, group), RedisListing(redis, keys), executions, AWAY, self._begun.set),
            pausing=Pausing(requests),
            backfills=Backfills(requests),
            letters=DeadLetters(RedisLetters(redis, keys), runs),
            event_letters=EventDeadLetters(RedisEventLetters(redis, keys), trigger, keys.outcomes),
            shelf=shelf,
            trigger=trigger,
            queues=RedisQueues(redis, keys, group),
            ledger=RedisLedger(redis, keys, group),
            externals=RedisExternals(redis, keys, group),
            ingest=Ingest(RedisEventLog(redis, keys), settings.ingest.stream, settings.ingest.most),
            answers=answers,
            now=present,
            ready=self.ready,
            healthy=Health(self.paces),
            registry=registry,
            limit=CallerLimit(SlidingWindowCounterRateLimiter(storage), settings.rate),
            namespace=settings.default_namespace,
            event_stream=settings.ingest.stream,
            origins=settings.cors_origin,
            ending=lambda: self._ending,
            foreign=lambda: self._store.foreign,
            secure=bool(settings.tls_cert),
            measured=not settings.metrics_port,
            concurrency=settings.concurrency,
        )

    def _config(self) -> uvicorn.Config:
        settings = self._settings
        return uvicorn.Config(
            create_app(self._services),
            host=settings.address,  # '' makes a socket for either family; one for "::" would refuse IPv4
            port=settings.port,
            http=Connection,
            limit_concurrency=settings.concurrency * CONNECTIONS,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=GRACE,
            h11_max_incomplete_event_size=65_536,
            ssl_certfile=settings.tls_cert or None,
            ssl_keyfile=settings.tls_key or None,
        )

    async def _serve(self) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # it tells of its start and end, as we do
        serving = asyncio.ensure_future(self._server.serve())
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            self._ending = self._server.should_exit = True
            deadline = time.monotonic() + GRACE + 1
            while not serving.done() and time.monotonic() < deadline:
                with contextlib.suppress(asyncio.CancelledError):  # it is said again and again
                    await asyncio.wait({serving}, timeout=0.1)
            raise

    async def _carry(self) -> None:
        await carry(self._services.bulk, self._begun)

    async def _renew(self) -> None:
        """Reads the certificate again when its files change; connections that are open keep the old one."""
        seen = self._stamps()
        self._tell_expiry()
        trouble = Trouble(log, "the certificate cannot be read again; the old one stays")
        while True:
            await asyncio.sleep(CERTIFICATES)
            now = self._stamps()
            context = self._server.config.ssl
            if now == seen or now is None or context is None:
                continue
            try:
                context.load_cert_chain(self._settings.tls_cert, self._settings.tls_key)
                seen = now
                self._tell_expiry()
                trouble.over()
                log.info("the certificate was read again")
            except (OSError, ValueError) as error:
                trouble.tell(error)

    def _tell_expiry(self) -> None:
        if self._certificate is not None:
            self._certificate.read(self._settings.tls_cert)

    def _stamps(self) -> tuple[int, ...] | None:
        try:
            return tuple(Path(name).stat().st_mtime_ns for name in (self._settings.tls_cert, self._settings.tls_key))
        except OSError:
            return None


class _Uvicorn(uvicorn.Server):
    """A server that leaves the signals to the command."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See uvicorn.Server."""
        yield


def counters(redis: Redis) -> RedisStorage:
    """Where the counters' library counts: the address it is given is not asked, the connections are ours."""
    return RedisStorage("async+redis://", implementation="redispy", connection_pool=redis.connection_pool)  # type: ignore[arg-type]


def present() -> int:
    """The present in milliseconds."""
    return time.time_ns() // 1_000_000
