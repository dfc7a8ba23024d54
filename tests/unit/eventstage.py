"""A router's rooms over ports in memory and an API server in memory, for unit tests of events."""

import asyncio
import copy
import json
from typing import Any, cast

from prometheus_client import CollectorRegistry

from kronstream.cluster.api import ApiError
from kronstream.cluster.eventhandlers import EventHandlers
from kronstream.cluster.scheduledjobs import ScheduledJobs
from kronstream.domain.eventstream import Readable
from kronstream.domain.work import Work
from kronstream.events.abreast import Abreast
from kronstream.events.acting import Acting
from kronstream.events.adopting import Adopting
from kronstream.events.delivery import Delivery
from kronstream.events.generation import read
from kronstream.events.hand import Hand
from kronstream.events.measures import Measures
from kronstream.events.pulse import Pulse
from kronstream.events.reading import Reading
from kronstream.events.sources import Sources
from kronstream.events.table import Handler, Table
from kronstream.operations.targets import Targets
from kronstream.ports import Adoption, Entry, HandlerState
from kronstream.testing import (
    FixedClock,
    MemoryEffects,
    MemoryEventLetters,
    MemoryEventLog,
    MemoryLedger,
    MemoryRequests,
    MemoryStore,
)
from kronstream.testing.eventlog import OUTCOMES
from unit.fakecluster import CREATED, EPOCH, NOW, FakeJobs, Steady

STREAM = "stream:events"
DEFAULT = Readable()
UID = "6dd0e29e-011c-42a1-a3ea-a2b4614ce420"
KEY = f"eh.{UID}"
JOB_UID = "0b5c3c6e-5d0c-4a8e-9f0a-2d7e3a1c9b11"
RUN_JOB = {"runJob": {"name": "target"}}
CREATE_JOB = {"createJob": {"handler": {"function": {"name": "cleanup:artifacts"}}}}


def manifest(
    uid: str = UID,
    event: str = "order.created",
    *,
    generation: int = 1,
    name: str | None = None,
    namespace: str = "default",
    status: dict[str, Any] | None = None,
    action: dict[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """An EventHandler as the API server gives it."""
    return {
        "metadata": {
            "uid": uid,
            "namespace": namespace,
            "name": name or f"handler-{uid[:8]}",
            "generation": generation,
            "creationTimestamp": CREATED,
        },
        "spec": {"event": event, "action": action or RUN_JOB, **spec},
        "status": status or {"observedGeneration": -1},
    }


def uid(number: int) -> str:
    """The UID of one of several handlers."""
    return f"00000000-0000-4000-8000-{number:012d}"


def handler(**fields: Any) -> Handler:
    """A handler as a router reads it."""
    return read(manifest(**fields))


def event(kind: str = "order.created", /, data: Any = None, **attributes: Any) -> str:
    """The structured text of an event."""
    made = {"specversion": "1.0", "id": "1", "source": "/tests", "type": kind, "data": data}
    return json.dumps({name: value for name, value in (made | attributes).items() if value is not None})


class FakeCreations(FakeJobs):
    """ScheduledJobs that can be made; ``answers`` are raised one after the other before anything is done."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Exception] = []
        self.made: list[dict[str, Any]] = []

    async def create(self, job: dict[str, Any]) -> dict[str, Any]:
        self._refuse()
        if self.answers:
            raise self.answers.pop(0)
        meta = job["metadata"]
        if await self.get(meta["namespace"], meta["name"]) is not None:
            raise ApiError(409, "already exists")
        kept = copy.deepcopy(job)
        kept["metadata"]["uid"] = uid(900 + len(self.made))
        self.put(kept)
        self.made.append(kept)
        return kept


class EventStage:
    """All rooms but those that look at the clock by themselves; tests call their steps, or run them as tasks."""

    def __init__(
        self,
        *objects: dict[str, Any],
        hand: int = 100,
        readable: Readable = DEFAULT,
        store: MemoryStore | None = None,
    ) -> None:
        self.time = FixedClock(NOW)
        self.store = store or MemoryStore(self.time, EPOCH)
        self.ledger = MemoryLedger(self.store)
        self.effects = MemoryEffects(self.store)
        self.requests = MemoryRequests(self.store)
        self.log = MemoryEventLog(self.time)
        self.letters = MemoryEventLetters(self.store)
        self.handlers = FakeJobs(*objects)
        self.jobs = FakeCreations()
        self.clock = Steady(self.time)
        self.table = Table(OUTCOMES)
        self.sources = Sources()
        self.hand = Hand(hand)
        self.known = asyncio.Event()
        self.known.set()
        self.registry = CollectorRegistry()
        self.measures = Measures(self.registry)
        self.pulse = Pulse(self.effects, self.requests, self.clock, "router-1", self._well)
        port = cast("EventHandlers", self.handlers)
        self.adopting = Adopting(self.table, self.ledger, port)
        self.abreast = Abreast(self.effects, self.table, self.adopting, port.covers)
        self.targets = Targets(self.effects, self.requests)
        self.reading = Reading(
            self.log, self.table, self.sources, self.hand, self.pulse, "router-1", self.known, readable
        )
        self.delivery = Delivery(
            self.hand, self.table, self.effects, self.log, self.letters, self.targets, self.adopting, self.abreast,
            self.pulse, self.clock, self.measures,
        )  # fmt: skip
        self.acting = Acting(
            self.table, self.effects, self.requests, self.ledger, cast("ScheduledJobs", self.jobs), self.targets,
            self.adopting, self.pulse, self.clock, self.measures, self.known,
        )  # fmt: skip

    async def _well(self) -> None:
        return None

    async def open(self, *objects: dict[str, Any]) -> None:
        """The store answers, and these handlers are in force."""
        await self.pulse.beat()
        for obj in objects:
            self.handlers.put(obj)
            self.adopting.observe(None, obj)
        while self.adopting.backlog:
            await self.adopting._step()

    async def adopt_job(self, name: str = "target", generation: int = 1, **fields: Any) -> None:
        """A ScheduledJob is in force."""
        work = Work("default", name, "echo", payload=fields.pop("payload", None))
        adoption = Adoption(
            JOB_UID, "default", name, generation, "r", "", NOW, function="echo", work=work.dump(), **fields
        )
        await self.ledger.adopt([adoption])

    async def state(self, key: str = KEY) -> HandlerState:
        """What the store knows of a handler."""
        (found,) = await self.effects.describe([key])
        assert found is not None
        return found

    async def deliver(self, *texts: str, stream: str = STREAM) -> None:
        """Entries with these events are read, acted on and acknowledged."""
        for text in texts:
            self.log.add(stream, {"event": text})
        await self.carry(await self.log.read([stream], "router-1", 100, 0))

    async def carry(self, entries: list[Entry]) -> None:
        """One turn of the delivery over entries that were read."""
        self.hand.put(entries)
        taken = await self.hand.take(100)
        await self.delivery._draw_level()
        await self.delivery._carry(await self.delivery._prepare(taken))


async def soon(condition: Any, seconds: float = 5.0) -> None:
    """Let tasks run until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
