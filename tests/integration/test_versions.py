"""Two versions of the data format side by side under steady load: an upgrade and a rollback lose and double nothing."""

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from eventually import eventually
from integration.installation import HANDLERS, START, Installation
from integration.objects import Object, scheduled
from integration.timeline import gaps
from kronstream.dev.components import component
from kronstream.dev.controlplane import ControlPlane
from kronstream.domain import work

NEWER = Path(__file__).with_name("newer")
OLD, NEW = ("operator-1", "worker-1"), ("operator-21", "worker-21")
JOBS = 6
TURNS = 4  # runs of each job in each phase


@pytest.fixture(scope="module")
def mixed() -> Iterator[Installation]:
    """An operator and a worker of this version, and of the next one, which are not started yet."""
    with ControlPlane() as plane, Installation(plane, operators=1, workers=1) as installation:
        environ = {"PYTHONPATH": str(NEWER), "PROBE_REDIS_URL": plane.redis_url, "KRONSTREAM_GRACE": "5s"}
        for role in ("operator", "worker"):
            arguments = ("--handlers", str(HANDLERS)) if role == "worker" else ()
            made = component(plane, role, 21, arguments, environ=environ)
            installation.components[made.name] = made
        yield installation
        complaints = installation.complaints()
    assert not complaints, "\n".join(complaints)


class Load:
    """Jobs that run every second, and what became of them."""

    def __init__(self, mixed: Installation) -> None:
        self.mixed = mixed
        names = [f"steady-{number}" for number in range(JOBS)]
        self.jobs = mixed.apply(
            *(
                scheduled(name, "default", "probe:sync" if name.endswith("0") else "probe:note", every="1s",
                          history={"successful": 1_000, "failed": 1_000}, payload={"turn": 0})
                for name in names
            )
        )  # fmt: skip

    def go_on(self) -> None:
        """Until every job ran some more times."""
        before = {job["metadata"]["uid"]: len(self.mixed.seen(job)) for job in self.jobs}
        for job in self.jobs:
            more = before[job["metadata"]["uid"]] + TURNS
            eventually(lambda job=job, more=more: len(self.mixed.seen(job)) >= more, within=60)

    def edit(self, job: Object, turn: int) -> dict[str, object]:
        """Gives a job another payload; what its runs execute then, as it is stored."""
        generation = self.mixed.objects.patch(job, payload={"turn": turn})["metadata"]["generation"]
        key = self.mixed.keys.work(job["metadata"]["uid"])
        text = eventually(lambda: self.mixed.redis.hget(key, str(generation)), within=30)
        stored: dict[str, object] = json.loads(text)
        return stored

    def stop(self) -> None:
        """No more runs, and every one is over."""
        for job in self.jobs:
            self.mixed.objects.patch(job, suspend=True)
        for job in self.jobs:
            self.mixed.wait(
                job, lambda now: now["status"].get("observedGeneration") == now["metadata"]["generation"], 60
            )
            eventually(lambda job=job: all(one.state.terminal for one in self.mixed.records(job)), within=60)


def loops(mixed: Installation, worker: str) -> set[int]:
    """The processes that execute handlers for a worker."""
    return {child.pid for child in psutil.Process(mixed.components[worker].process.pid).children(recursive=True)}


def test_an_upgrade_and_a_rollback_lose_and_double_nothing(mixed: Installation) -> None:
    load = Load(mixed)
    load.go_on()
    assert load.edit(load.jobs[0], 1)["v"] == work.VERSION

    mixed.start(*NEW)
    load.go_on()
    mixed.stop(*OLD)
    load.go_on()
    stored = load.edit(load.jobs[1], 2)
    assert (stored["v"], stored["novelty"]) == (work.VERSION + 1, {"since": "next"})
    waiting = scheduled("waiting", every="1s", queue="nobody")
    (waiting,) = mixed.apply(waiting)
    versions = eventually(lambda: {entry["v"] for _, entry in mixed.redis.xrange(mixed.keys.lane("nobody", "medium"))})
    assert versions == {"2"}
    load.go_on()

    mixed.start(*OLD)
    for name in OLD:
        mixed.components[name].process.wait_until(mixed.components[name].ready, START)
    mixed.stop(*NEW)
    executing = loops(mixed, "worker-1")
    before = len(mixed.seen(load.jobs[1]))
    load.go_on()
    # the old worker executes what the new operator stored
    assert {one["worker"] for one in mixed.seen(load.jobs[1])[before + 1 :]} <= executing
    assert load.edit(load.jobs[2], 3)["v"] == work.VERSION

    load.stop()
    for job in load.jobs:
        seen, records = mixed.seen(job), mixed.records(job)
        assert gaps([one["nominal"] for one in seen], 1_000) == []
        assert len({one["run"] for one in seen}) == len(seen) == len(records)
        assert {one.state.value for one in records} == {"success"}
    assert mixed.redis.xlen(mixed.keys.dead) == 0
    mixed.clear()
