"""The API's application over the ports in memory, called without a network; its jobs come into force as an operator
would take them."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from prometheus_client import CollectorRegistry

from kronstream.api.app import create_app
from kronstream.api.identity import Identity
from kronstream.api.limits import CallerLimit
from kronstream.api.services import Services
from kronstream.api.strangers import Strangers
from kronstream.operations.bulk import Bulk
from kronstream.operations.catalogue import Catalogue
from kronstream.operations.eventletters import EventDeadLetters
from kronstream.operations.executions import Executions
from kronstream.operations.ingest import Ingest
from kronstream.operations.jobs import Jobs
from kronstream.operations.letters import DeadLetters
from kronstream.operations.shelf import Shelf
from kronstream.operations.trigger import Trigger
from kronstream.ports.jobstore import Object
from kronstream.testing import (
    MemoryEffects,
    MemoryEventLetters,
    MemoryEventLog,
    MemoryExternals,
    MemoryLetters,
    MemoryListing,
    MemoryQueues,
)
from kronstream.testing.answers import MemoryAnswers
from kronstream.testing.orders import MemoryOrders
from kronstream.testing.reviews import MemoryJobStore, MemoryReviews
from unit.office import Office

BASE = "/api/v1/scheduler"
STRANGERS = 60
CRON = {"name": "Daily Cleanup", "schedule": "0 2 * * *", "handler_name": "echo"}


class AdoptingStore(MemoryJobStore):
    """Jobs that are in force as soon as they are made."""

    def __init__(self, office: Office) -> None:
        super().__init__(office.stage.time)
        self._office = office

    async def create(self, job: Object) -> Object:
        made = await super().create(job)
        await self._office.adopt({**made, "status": {"observedGeneration": -1}})
        return made


class ApiBench:
    """Two replicas, of which ``client`` calls the first and ``other`` the second; ``guarded`` ones ask for a token."""

    def __init__(
        self, *, guarded: bool = False, rate: int = 0, clock: Callable[[], float] = time.monotonic, **settings: Any
    ) -> None:
        self.office = Office()
        self.stage = self.office.stage
        self.store = AdoptingStore(self.office)
        self.reviews = MemoryReviews()
        self.answers = MemoryAnswers(self.stage.store)
        self.log = MemoryEventLog(self.stage.store)
        self._guarded, self._rate, self._clock, self._settings = guarded, rate, clock, settings
        self._storage = MemoryStorage()
        self.services = self._services()
        self.client, self.other = self._client(self.services), self._client(self._services())

    async def close(self) -> None:
        await self.client.aclose()
        await self.other.aclose()

    async def call(self, method: str, path: str, **given: Any) -> httpx.Response:
        """One call below the base path."""
        return await self.client.request(method, BASE + path, **given)

    async def made(self, **fields: Any) -> dict[str, Any]:
        """A job."""
        answer = await self.call("POST", "/jobs/cron", json={**CRON, **fields})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def _client(self, services: Services) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=10)

    def _services(self) -> Services:
        store, office = self.stage.store, self.office
        catalogue, shelf = Catalogue(), Shelf()
        for each in (catalogue, shelf):
            each.replace(each.begin(), [])
        executions = Executions(office.records, office.runs)
        trigger = Trigger(MemoryEffects(store), office.requests)
        limit = CallerLimit(FixedWindowRateLimiter(self._storage), self._rate) if self._rate else None
        return Services(
            identity=Identity(self.reviews if self._guarded else None, Strangers(STRANGERS, self._clock), self._clock),
            catalogue=catalogue,
            jobs=Jobs(self.store, catalogue, self.answers, self.stage.time),
            runs=office.runs,
            executions=executions,
            pausing=office.pausing,
            backfills=office.backfills,
            bulk=Bulk(MemoryOrders(store), MemoryListing(store), executions),
            letters=DeadLetters(MemoryLetters(store), office.runs),
            event_letters=EventDeadLetters(MemoryEventLetters(store), trigger, "outcomes"),
            shelf=shelf,
            trigger=trigger,
            queues=MemoryQueues(store),
            ledger=self.stage.ledger,
            externals=MemoryExternals(store),
            ingest=Ingest(self.log, "stream:events"),
            answers=self.answers,
            now=self.stage.time,
            ready=lambda: (True, "well"),
            registry=CollectorRegistry(),
            limit=limit,
            patience=0.2,
            **self._settings,
        )


def judged(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem that an answer is; every one has the same form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(found)
    assert "Traceback" not in answer.text
    return found


def fields(found: Mapping[str, Any]) -> list[str]:
    """The fields at fault."""
    return [error["field"] for error in found.get("errors", ())]


def token(text: str) -> dict[str, str]:
    """The header of a caller's token."""
    return {"Authorization": f"Bearer {text}"}
