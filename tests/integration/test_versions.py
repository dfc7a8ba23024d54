"""Two versions of the data format side by side under steady load, all parts of each: an upgrade and a rollback lose and
double nothing.
"""

import json
import ssl
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path

import psutil
import pytest

from eventually import eventually
from integration.calls import Calls
from integration.eventbench import event, listening, send
from integration.httphook import Hook
from integration.installation import HANDLERS, START, Installation
from integration.objects import Object, handling, scheduled
from integration.timeline import gaps
from kronstream.dev.components import component
from kronstream.dev.controlplane import ControlPlane
from kronstream.dev.extension import ROLE, Extension
from kronstream.domain import work

NEWER = Path(__file__).with_name("newer")
PARTS = ("operator", "router", "api", ROLE, "worker")
OLD, NEW = (tuple(f"{part}-{number}" for part in PARTS) for number in (1, 21))
EXECUTIONS = "/apis/runs.kronstream.dev/v1/namespaces/default/executions?limit=5000"
JOBS = 6
EVENTS = 3  # in each phase
TURNS = 4  # runs of each job in each phase


class Two(Installation):
    """Two versions on a plane; `served` are the ports of the extension API servers."""

    def __init__(self, plane: ControlPlane) -> None:
        allowed = {"KRONSTREAM_HTTP_ALLOW": "127.0.0.0/8"}
        super().__init__(plane, operators=1, routers=1, workers=1, apis=["none"], environ=allowed)
        self.served: dict[str, int] = {}
        common = {**allowed, "PROBE_REDIS_URL": plane.redis_url, "KRONSTREAM_GRACE": "5s"}
        for name in (OLD[PARTS.index(ROLE)], *NEW):
            role, _, number = name.rpartition("-")
            environ = {**common, **({"PYTHONPATH": str(NEWER)} if name in NEW else {})}
            if role == ROLE:
                extension = Extension(plane)
                self.served[name] = extension.port
                environ |= extension.environ
            arguments = ("--handlers", str(HANDLERS)) if role == "worker" else ()
            self.components[name] = component(plane, role, int(number), arguments, environ=environ)

    def lives(self, name: str) -> bool:
        """Whether a part was started and not stopped."""
        return self.components[name].process.pid is not None

    def executions(self, name: str, job: Object) -> set[str]:
        """Those of a job, as an extension API server lists them to kube-apiserver."""
        front = self.plane.folder / "pki" / "front-proxy"
        context = ssl.create_default_context(cafile=str(self.plane.authority))
        context.load_cert_chain(front / "client.crt", front / "client.key")
        connection = HTTPSConnection("localhost", self.served[name], timeout=10, context=context)
        try:
            connection.request("GET", EXECUTIONS, headers={"X-Remote-User": "anna"})
            items = json.loads(connection.getresponse().read())["items"]
        finally:
            connection.close()
        return {one["metadata"]["name"] for one in items if one["spec"]["job"] == job["metadata"]["name"]}


@pytest.fixture(scope="module")
def mixed() -> Iterator[Two]:
    """One of each part of this version, and of the next one, which are not started yet."""
    with ControlPlane(aggregation=True) as plane:
        installation = Two(plane)
        try:
            installation.start(*OLD)
            yield installation
        finally:
            installation.close()
        complaints = installation.complaints()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def hook() -> Iterator[Hook]:
    """Where a job's requests go."""
    with Hook() as hook:
        yield hook


class Load:
    """Jobs that run every second, two that are asked for by events and by the API, one that makes requests, and what
    became of them."""

    def __init__(self, mixed: Two, hook: Hook) -> None:
        self.mixed, self.hook = mixed, hook
        self.wanted: Counter[str] = Counter()
        kept = {"history": {"successful": 1_000, "failed": 1_000}}
        calling = scheduled("calling", every="1s", **kept)
        calling["spec"]["handler"] = {"http": {"url": f"{hook.url}/hook"}}
        self.heard, self.asked, self.calling, hears = mixed.apply(
            scheduled("heard", function="probe:note", **kept),
            scheduled("asked", function="probe:note", **kept),
            calling,
            handling("hears", "a.b", action={"runJob": {"name": "heard"}}),
        )
        mixed.wait(hears, listening, within=30)
        names = [f"steady-{number}" for number in range(JOBS)]
        self.jobs = mixed.apply(
            *(
                scheduled(name, "default", "probe:sync" if name.endswith("0") else "probe:note", every="1s",
                          history={"successful": 1_000, "failed": 1_000}, payload={"turn": 0})
                for name in names
            )
        )  # fmt: skip

    def go_on(self) -> None:
        """Until every job ran some more times, and what was asked for was done."""
        send(self.mixed, *(event("a.b") for _ in range(EVENTS)))
        self.wanted["heard"] += EVENTS
        for name in ("api-1", "api-21"):
            if self.mixed.lives(name):
                with Calls(self.mixed.url(name)) as calls:
                    answer = calls.post(f"/jobs/{self.asked['metadata']['uid']}/run")
                assert answer.status_code in (200, 201, 202), answer.text
                self.wanted["asked"] += 1
        called = len(self.hook.calls)
        before = {job["metadata"]["uid"]: len(self.mixed.seen(job)) for job in self.jobs}
        for job in self.jobs:
            more = before[job["metadata"]["uid"]] + TURNS
            eventually(lambda job=job, more=more: len(self.mixed.seen(job)) >= more, within=60)
        eventually(lambda: len(self.hook.calls) >= called + TURNS, within=60)
        for job in (self.heard, self.asked):
            wanted = self.wanted[job["metadata"]["name"]]
            eventually(lambda job=job, wanted=wanted: len(self.mixed.seen(job)) >= wanted, within=60)
        for name in filter(self.mixed.lives, self.mixed.served):
            assert len(self.mixed.executions(name, self.asked)) == len(self.mixed.records(self.asked))

    def edit(self, job: Object, turn: int) -> dict[str, object]:
        """Gives a job another payload; what its runs execute then, as it is stored."""
        generation = self.mixed.objects.patch(job, payload={"turn": turn})["metadata"]["generation"]
        key = self.mixed.keys.work(job["metadata"]["uid"])
        text = eventually(lambda: self.mixed.redis.hget(key, str(generation)), within=30)
        stored: dict[str, object] = json.loads(text)
        return stored

    def stop(self) -> None:
        """No more runs, and every one is over."""
        every = [*self.jobs, self.calling]
        for job in every:
            self.mixed.objects.patch(job, suspend=True)
        for job in every:
            self.mixed.wait(
                job, lambda now: now["status"].get("observedGeneration") == now["metadata"]["generation"], 60
            )
            eventually(lambda job=job: all(one.state.terminal for one in self.mixed.records(job)), within=60)


def loops(mixed: Installation, worker: str) -> set[int]:
    """The processes that execute handlers for a worker."""
    return {child.pid for child in psutil.Process(mixed.components[worker].process.pid).children(recursive=True)}


def test_an_upgrade_and_a_rollback_lose_and_double_nothing(mixed: Two, hook: Hook) -> None:
    load = Load(mixed, hook)
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
    for job in (load.heard, load.asked):
        seen = mixed.seen(job)
        assert len({one["run"] for one in seen}) == len(seen) == load.wanted[job["metadata"]["name"]]
    records = mixed.records(load.calling)
    assert {one.state.value for one in records} == {"success"}
    assert gaps([one.nominal or 0 for one in records], 1_000) == []
    assert len(hook.calls) == len(records)
    assert mixed.redis.xlen(mixed.keys.dead) == mixed.redis.xlen(mixed.keys.dead_events) == 0
    mixed.clear()
