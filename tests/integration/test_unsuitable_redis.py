"""A Redis that may evict keys is not dispatched into, until it is told not to."""

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from eventually import eventually
from integration.installation import Installation
from integration.objects import Object, scheduled
from integration.timeline import gaps, now, until
from kronstream.dev.controlplane import ControlPlane

QUEUE = "nobody"
INSTEAD = "run `CONFIG SET maxmemory-policy noeviction`, and set it in redis.conf"


@pytest.fixture(scope="module")
def alone() -> Iterator[Installation]:
    """An operator and a worker."""
    with ControlPlane() as plane, Installation(plane, operators=1, workers=1) as installation:
        yield installation
        complaints = installation.complaints()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def job(alone: Installation) -> Iterator[Object]:
    """A job that runs every second."""
    (job,) = alone.apply(scheduled("steady", every="1s", queue=QUEUE))
    eventually(lambda: len(alone.entries(job, QUEUE)) >= 2, within=5)
    yield job
    alone.redis.config_set("maxmemory-policy", "noeviction")
    alone.clear()


def readiness(installation: Installation, name: str) -> str:
    """What a component answers to its readiness probe."""
    address = f"http://127.0.0.1:{installation.components[name].port}/readyz"
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as refusal:
        return f"{refusal.code} {refusal.read().decode()}"
    except OSError:
        return ""


def test_one_that_evicts_at_the_start_is_waited_for(alone: Installation, job: Object) -> None:
    alone.stop(*alone.components)
    alone.redis.config_set("maxmemory-policy", "allkeys-lru")
    before = alone.entries(job, QUEUE)

    alone.start(*alone.components, wait=False)

    for name in alone.components:
        eventually(lambda name=name: INSTEAD in readiness(alone, name), within=15)
        assert readiness(alone, name).startswith("503 ")
        eventually(lambda name=name: INSTEAD in alone.log(name))
    until(now() + 2_500)
    assert alone.entries(job, QUEUE) == before
    assert all(alone.log(name).count(INSTEAD) <= 2 for name in alone.components)

    alone.redis.config_set("maxmemory-policy", "noeviction")

    for name in alone.components:
        eventually(lambda name=name: readiness(alone, name) == "200", within=10)
    eventually(lambda: len(alone.entries(job, QUEUE)) > len(before), within=5)
    # within the grace everything is late, not missed
    assert gaps([nominal for nominal, _ in alone.entries(job, QUEUE)], 1_000) == []


def test_one_that_begins_to_evict_is_noticed_and_left(alone: Installation, job: Object) -> None:
    alone.redis.config_set("maxmemory-policy", "volatile-lru")

    eventually(lambda: "volatile-lru" in readiness(alone, "operator-1"), within=10)

    before = alone.entries(job, QUEUE)
    until(now() + 2_500)
    assert alone.entries(job, QUEUE) == before

    alone.redis.config_set("maxmemory-policy", "noeviction")

    eventually(lambda: readiness(alone, "operator-1") == "200", within=10)
    eventually(lambda: len(alone.entries(job, QUEUE)) >= len(before) + 2, within=5)
    assert gaps([nominal for nominal, _ in alone.entries(job, QUEUE)], 1_000) == []
