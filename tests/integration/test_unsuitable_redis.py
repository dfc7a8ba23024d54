"""A Redis that must not be used is not dispatched into: every part says why, waits, and goes on once it may be used."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis

from eventually import eventually
from integration.disguise import Disguise
from integration.executions import Served
from integration.installation import Installation
from integration.objects import Object, scheduled
from integration.probes import readiness
from integration.timeline import gaps, now, until
from kronstream.dev.components import component
from kronstream.dev.controlplane import ControlPlane
from kronstream.dev.loopback import free_ports

QUEUE = "nobody"
INSTEAD = "run `CONFIG SET maxmemory-policy noeviction`, and set it in redis.conf"
RUNS = "runs-apiserver-1"
AHEAD = """import time
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + 5
time.time_ns = lambda: _time_ns() + 5_000_000_000
"""


@dataclass
class Alone:
    """An operator, a router, a worker, an API and an extension API server, to whom Redis is behind a disguise."""

    served: Served
    disguise: Disguise
    server: Redis

    @property
    def installation(self) -> Installation:
        return self.served.installation

    def readiness(self, name: str) -> str:
        """What a component answers to its readiness probe."""
        return readiness(self.served.server if name == RUNS else self.installation.components[name])

    def log(self, name: str) -> str:
        """All that a component has logged."""
        return self.served.log if name == RUNS else self.installation.log(name)

    def start(self) -> None:
        """Starts every part, whatever Redis is."""
        self.served.server.process.start()
        self.installation.start(*self.installation.components, wait=False)

    def entries(self, job: Object) -> list[tuple[int, int]]:
        """What waits in the stream for a job."""
        return self.installation.entries(job, QUEUE)


PARTS = ("operator-1", "router-1", "worker-1", "api-1")


@pytest.fixture(scope="module")
def alone() -> Iterator[Alone]:
    with ControlPlane(aggregation=True) as plane, Disguise(plane.ports.redis) as disguise:
        plane.redis_url = disguise.url
        served = Served(plane)
        served.installation = Installation(
            plane, operators=1, routers=1, workers=1, apis=("none",), environ=served.environ
        )
        with (
            closing(served.installation) as installation,
            Redis(port=plane.ports.redis, decode_responses=True) as server,
        ):
            alone = Alone(served, disguise, server)
            plane.apply(json.dumps(served.extension.service))
            alone.start()
            check_all_are_ready(alone)
            eventually(served.available, within=30)
            yield alone
            served.server.process.stop()
            complaints = installation.complaints()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def job(alone: Alone) -> Iterator[Object]:
    """A job that runs every second."""
    (job,) = alone.installation.apply(scheduled("steady", every="1s", queue=QUEUE, catchUp={"policy": "All"}))
    eventually(lambda: len(alone.entries(job)) >= 2, within=20)
    yield job
    alone.installation.clear()


def check_all_are_ready(alone: Alone) -> None:
    """Every part says that it is ready, and nothing besides."""
    for name in (*PARTS, RUNS):
        eventually(lambda name=name: alone.readiness(name).startswith("200 "), within=120, because=name)
        eventually(lambda name=name: "Redis" not in alone.readiness(name), within=30)


def evict(alone: Alone) -> Callable[[], object]:
    alone.server.config_set("maxmemory-policy", "allkeys-lru")
    return lambda: alone.server.config_set("maxmemory-policy", "noeviction")


def age(alone: Alone) -> Callable[[], object]:
    alone.disguise.tale[b"redis_version:7"] = b"redis_version:6"
    return alone.disguise.tale.clear


def follow(alone: Alone) -> Callable[[], object]:
    alone.server.replicaof("127.0.0.1", 1)
    return lambda: alone.server.replicaof("NO", "ONE")


def jam(alone: Alone) -> Callable[[], object]:
    alone.disguise.tale[b"aof_last_write_status:ok"] = b"aof_last_write_status:no"
    return alone.disguise.tale.clear


def vanish(alone: Alone) -> Callable[[], object]:
    alone.disguise.shut(now=True)
    return lambda: alone.disguise.shut(now=False)


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (evict, INSTEAD),
        (age, "is too old: use Redis 7.0 or newer, or Valkey"),
        (follow, "this Redis is a replica: give the address of the primary"),
        (jam, "Redis cannot write its append-only file: look at its disk"),
        (vanish, "Connection closed by server|Error [0-9]+ connecting|Connection reset|Connection lost|no heartbeat"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_one_that_cannot_be_used_is_left_by_every_part(
    alone: Alone, job: Object, harm: Callable[[Alone], Callable[[], object]], says: str
) -> None:
    meant = re.compile(says if harm is vanish else re.escape(says))
    before = {name: len(alone.log(name)) for name in (*PARTS, RUNS)}

    heal = harm(alone)

    try:
        for name in PARTS:
            eventually(lambda name=name: meant.search(alone.readiness(name)), within=40, because=name)
            assert alone.readiness(name).startswith("503 ")
            eventually(lambda name=name: meant.search(alone.log(name)[before[name] :]), within=10, because=name)
        # discovery goes on without Redis, executions do not
        eventually(lambda: meant.search(alone.readiness(RUNS)), within=20)
        assert alone.readiness(RUNS).startswith("200 ")
        eventually(lambda: meant.search(alone.log(RUNS)[before[RUNS] :]))
        with pytest.raises(Exception, match="Redis is away" if harm is vanish else re.escape(says)):
            alone.served.kubectl("get", "kex")
        stands = alone.server.xlen(alone.installation.keys.lane(QUEUE, "medium"))
        until(now() + 2_500)
        assert alone.server.xlen(alone.installation.keys.lane(QUEUE, "medium")) == stands
    finally:
        heal()

    check_all_are_ready(alone)
    eventually(lambda: alone.entries(job)[-1][0] > now() - 2_000, within=20)
    # within the grace everything is late, not missed
    assert gaps([nominal for nominal, _ in alone.entries(job)], 1_000) == []


def test_one_that_evicts_at_the_start_is_waited_for(alone: Alone, job: Object) -> None:
    alone.installation.stop(*alone.installation.components)
    alone.served.kill()
    heal = evict(alone)
    before = alone.entries(job)

    alone.start()

    for name in PARTS:
        eventually(lambda name=name: INSTEAD in alone.readiness(name), within=120, because=name)
        assert alone.readiness(name).startswith("503 ")
    until(now() + 2_500)
    assert alone.entries(job) == before

    heal()

    check_all_are_ready(alone)
    eventually(lambda: len(alone.entries(job)) > len(before), within=20)


def test_one_that_keeps_nothing_on_disk_is_used_with_a_word(alone: Alone, job: Object) -> None:
    keeps = "Redis keeps no append-only file, what is written is lost when it ends: run `CONFIG SET appendonly yes`"
    alone.disguise.tale[b"aof_enabled:1"] = b"aof_enabled:0"

    for name in (*PARTS, RUNS):
        eventually(lambda name=name: f"; but {keeps}" in alone.readiness(name), within=40, because=name)
        assert alone.readiness(name).startswith("200 ")
        assert alone.log(name).count(f"Redis is used, but: {keeps}") == 1
    last = alone.entries(job)[-1][0]
    eventually(lambda: alone.entries(job)[-1][0] > last, within=10)

    alone.disguise.tale.clear()

    check_all_are_ready(alone)


def test_a_clock_that_is_off_is_told(alone: Alone, tmp_path: Path) -> None:
    """Who asks the API server compares with its clock, too; a worker with that of Redis alone."""
    (tmp_path / "sitecustomize.py").write_text(AHEAD)
    environ = {**alone.served.environ, "PYTHONPATH": str(tmp_path)}
    roles = ("operator", "router", "worker", "api")
    wrong = {role: component(alone.served.plane, role, 2, environ=environ) for role in roles}
    (port,) = free_ports(1)
    serving = {**environ, **alone.served.extension.environ, "KRONSTREAM_RUNS_PORT": str(port)}
    wrong[RUNS] = component(alone.served.plane, RUNS.removesuffix("-1"), 2, environ=serving)
    for part in wrong.values():
        part.process.start()
    try:
        for role, part in wrong.items():
            eventually(lambda part=part: " s ahead of Redis's" in readiness(part), within=120, because=role)
            server = "" if role == "worker" else r" and [45]\.\d s ahead of the API server's"
            line = re.compile(rf"200 .*; .*clock is [45]\.\d s ahead of Redis's{server}: set it by NTP$")
            eventually(lambda part=part, line=line: line.match(readiness(part)), within=40)
            eventually(lambda part=part: "clocks differ, and" in part.process.log.path.read_text(), within=20)
    finally:
        for part in wrong.values():
            part.process.stop()
    assert "clock" not in alone.readiness("operator-1")
