"""An API server's ScheduledJobs in memory, and what a replica needs around it."""

import asyncio
import copy
from collections.abc import Callable
from typing import Any, cast

from kronstream.clock import StoreClock
from kronstream.cluster.api import ApiError
from kronstream.cluster.scheduledjobs import ScheduledJobs
from kronstream.controller.job import Job
from kronstream.controller.reconciler import Reconciler
from kronstream.controller.roster import Roster
from kronstream.testing import Clock, FixedClock, MemoryLedger, MemoryStore

NOW = 1_795_000_000_000
CREATED = "2026-11-18T11:06:30Z"  # NOW - 10 s
EPOCH = "epoch-1"
UID = "0b5c3c6e-5d0c-4a8e-9f0a-2d7e3a1c9b11"


def manifest(
    uid: str = UID, *, generation: int = 1, status: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """A ScheduledJob as the API server gives it: every second, unless ``spec`` says otherwise."""
    if not {"schedule", "every", "runAt"} & spec.keys():
        spec["every"] = "1s"
    return {
        "metadata": {
            "uid": uid,
            "namespace": "default",
            "name": f"job-{uid[:8]}",
            "generation": generation,
            "resourceVersion": "1",
            "creationTimestamp": CREATED,
        },
        "spec": {"handler": {"function": {"name": "echo"}}, **spec},
        "status": status or {"observedGeneration": -1},
    }


def ends(obj: dict[str, Any]) -> dict[str, Any]:
    """The object once it was deleted while it has a finalizer."""
    meta = {**obj["metadata"], "generation": obj["metadata"]["generation"] + 1, "deletionTimestamp": CREATED}
    return {**obj, "metadata": {**meta, "finalizers": ["example.com/wait"]}}


class FakeJobs:
    """ScheduledJobs over a dict; ``refusal`` is raised by every request while it is set."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.objects = {obj["metadata"]["uid"]: obj for obj in objects}
        self.refusal: Exception | None = None
        self.gets = 0
        self.written: list[dict[str, Any]] = []

    def port(self) -> ScheduledJobs:
        """As what the operator's rooms take."""
        return cast("ScheduledJobs", self)

    def covers(self, namespace: str) -> bool:
        return bool(namespace)

    def put(self, obj: dict[str, Any]) -> None:
        self.objects[obj["metadata"]["uid"]] = obj

    async def list_whole(self) -> list[dict[str, Any]]:
        self._refuse()
        return copy.deepcopy(list(self.objects.values()))

    async def list_metadata(self) -> list[dict[str, Any]]:
        return [obj["metadata"] for obj in await self.list_whole()]

    async def get(self, namespace: str, name: str) -> dict[str, Any] | None:
        self.gets += 1
        self._refuse()
        for obj in self.objects.values():
            if (obj["metadata"]["namespace"], obj["metadata"]["name"]) == (namespace, name):
                return copy.deepcopy(obj)
        return None

    async def write_status(self, namespace: str, name: str, uid: str, status: dict[str, Any]) -> None:
        self._refuse()
        obj = self.objects.get(uid)
        if obj is None:
            raise ApiError(404, "not found")
        if status["seq"] < obj["status"].get("seq", 0):
            raise ApiError(422, "status.seq never falls")
        obj["status"] = copy.deepcopy(status)
        self.written.append(status)

    async def delete(self, namespace: str, name: str, uid: str, version: str) -> None:
        self._refuse()
        for found in [obj["metadata"] for obj in self.objects.values()]:
            if (found["namespace"], found["name"]) == (namespace, name):
                if (found["uid"], found["resourceVersion"]) != (uid, version):
                    raise ApiError(409, "the UID or the resourceVersion is another one")
                del self.objects[uid]

    def _refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal


class Steady(StoreClock):
    """The store's clock, known exactly."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def now(self) -> int:
        return self._clock()


class Stage:
    """A reconciler over a store in memory and an API server in memory; ``armed`` tells what came into force."""

    def __init__(self, *objects: dict[str, Any], ledger: MemoryLedger | None = None) -> None:
        self.time = FixedClock(NOW)
        self.store = MemoryStore(self.time, EPOCH)
        self.ledger = ledger or MemoryLedger(self.store)
        self.jobs = FakeJobs(*objects)
        self.clock = Steady(self.time)
        self.roster = Roster()
        self.armed: list[Job] = []
        self.revisions = {"9999.newer"}
        self.reconciler = Reconciler(
            self.roster,
            self.ledger,
            self.jobs.port(),
            self.clock,
            60_000,
            self.armed.append,
            lambda _: None,
            lambda revision: any(known >= revision for known in self.revisions),
        )


async def until(condition: Callable[[], object], turns: int = 10_000) -> None:
    """Let other tasks run until the condition holds."""
    for _ in range(turns):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came true")
