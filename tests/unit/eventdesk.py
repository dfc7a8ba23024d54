"""The services around events over a store in memory, with EventHandlers that are in force in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from builders import adoption, now
from contract.stores import ModelStore
from kronstream.domain.event import Event
from kronstream.domain.work import Work
from kronstream.events.generation import read
from kronstream.operations.eventhandlers import Hearers, Known, known
from kronstream.operations.eventletters import EventDeadLetters
from kronstream.operations.trigger import Trigger
from kronstream.ports import Adopted

OUTCOMES = "outcomes"
RUN_JOB = {"runJob": {"name": "job"}}
CREATE = {"createJob": {"handler": {"function": {"name": "cleanup:artifacts"}}, "payload": {"retention_days": 30}}}
AGENT = {"dispatchAgent": {"name": "reviewer"}}


def manifest(name: str, event: str = "order.paid", /, action: Any = None, **spec: Any) -> dict[str, Any]:
    """An EventHandler as the API server gives it; its UID is made of its name."""
    namespace = spec.pop("namespace", "default")
    return {
        "metadata": {
            "uid": f"uid-{name}",
            "namespace": namespace,
            "name": name,
            "generation": spec.pop("generation", 1),
            "creationTimestamp": "2026-11-18T11:06:30Z",
        },
        "spec": {"event": event, "action": action or RUN_JOB, **spec},
    }


def paid(id: str = "1", **fields: Any) -> Event:  # noqa: A002 - CloudEvents' own word
    """An event of type order.paid."""
    return Event(**{"id": id, "source": "/test", "type": "order.paid", "data": {"total": 5}, **fields})


class Desk:
    """Trigger and dead letters; ``handlers`` are those that the API server has."""

    def __init__(self) -> None:
        self.store = ModelStore()
        self.trigger = Trigger(self.store.effects, self.store.requests)
        self.letters = EventDeadLetters(self.store.event_letters, self.trigger, OUTCOMES)
        self.known: list[Known] = []

    @property
    def handlers(self) -> Hearers:
        return Hearers(self.known)

    async def apply(self, *objects: dict[str, Any], in_force: bool = True) -> None:
        """Make handlers known, and adopt them as a router does."""
        for obj in objects:
            self.known = [one for one in self.known if one.uid != f"eh.{obj['metadata']['uid']}"] + [known(obj)]
            if in_force:
                # its instants are of another time than the store's clock
                (answer,) = await self.store.ledger.adopt([replace(read(obj).adoption, cursor=now())])
                assert isinstance(answer, Adopted)

    async def job(self, name: str = "job", **fields: Any) -> str:
        """Adopt a ScheduledJob that runs only when asked; its UID."""
        uid = f"job-{name}"
        given = Work("default", name, "echo", payload=fields.pop("payload", None))
        await self.store.ledger.adopt([adoption(uid, name=name, when="", work=given.dump(), **fields)])
        return uid

    async def runs(self, uid: str) -> list[str]:
        """Ids of the runs of a job, or of a handler's own."""
        return [run.id for run in await self.store.records.of_job(uid, 100)]
