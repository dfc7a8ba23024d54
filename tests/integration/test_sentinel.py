"""All parts on a Redis that Sentinels watch: its primary dies under load, and is swapped."""

from collections import Counter
from collections.abc import Iterator

import pytest

from eventually import eventually
from integration.calls import Calls
from integration.installation import Installation, elsewhere
from integration.objects import Object, ready, scheduled
from integration.timeline import gaps, now
from integration.watched import PASSWORD, SENTINELS_PASSWORD, Watched

JOBS = 8


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with Watched(tmp_path_factory.mktemp("watched")) as watched:
        yield watched


@pytest.fixture(scope="module")
def followed(watched: Watched) -> Iterator[Installation]:
    """Each part once; what the handlers tell goes to a Redis of its own."""
    environ = {"KRONSTREAM_REDIS_URL": watched.url}
    with elsewhere(environ, PASSWORD, SENTINELS_PASSWORD) as installation:
        yield installation


@pytest.fixture
def jobs(followed: Installation) -> Iterator[list[Object]]:
    """Jobs that run every second, each of which ran."""
    jobs = followed.apply(*(scheduled(f"steady-{number}", every="1s", function="probe:note") for number in range(JOBS)))
    for job in jobs:
        followed.wait(job, ready)
        eventually(lambda job=job: len(followed.seen(job)) >= 2, within=20)
    yield jobs
    followed.clear()


def check_goes_on(followed: Installation, jobs: list[Object], begin: int) -> None:
    """Every part says that it is ready, and each job runs on: none is missing, none doubled that was due before."""
    end = now()
    for component in followed.components.values():
        eventually(component.ready, within=30, because=component.name)
    for job in jobs:
        eventually(lambda job=job: followed.seen(job)[-1]["nominal"] > end + 2_000, within=40)
        nominals = [call["nominal"] for call in followed.seen(job)]
        assert gaps(nominals, 1_000) == []
        doubled = {one for one, times in Counter(nominals).items() if times > 1}
        assert [one for one in doubled if not begin < one <= end] == []
        assert {call["attempt"] for call in followed.seen(job)} == {1}
    with Calls(followed.url("api-1")) as calls:
        assert calls.get("/jobs").status_code == 200


def quiet(watched: Watched, followed: Installation, jobs: list[Object]) -> bool:
    """Whether this second's runs have ended, and the next ones are not due yet."""
    instant = now()
    with watched.server(watched.primary) as server:
        waiting = server.xlen(followed.keys.lane("default", "medium"))
    ran = all(followed.seen(job)[-1]["nominal"] == instant // 1_000 * 1_000 for job in jobs)
    return ran and not waiting and now() < instant // 1_000 * 1_000 + 850


def test_a_primary_that_dies_is_followed_by_all_parts(
    watched: Watched, followed: Installation, jobs: list[Object]
) -> None:
    former = watched.primary
    eventually(lambda: quiet(watched, followed, jobs), within=30)

    watched.kill(former)

    died = now()
    eventually(lambda: watched.primary != former, within=30)
    # what a replica had when its primary died is all that there was
    check_goes_on(followed, jobs, begin=died)
    assert {times for job in jobs for times in Counter(call["run"] for call in followed.seen(job)).values()} == {1}
    watched.start(former)
    eventually(lambda: watched.role(former) == "slave", within=40)


def test_a_primary_that_becomes_a_replica_is_left(watched: Watched, followed: Installation, jobs: list[Object]) -> None:
    former, begin = watched.primary, now() - 5_000

    assert watched.fail_over() != former

    # what the former primary was told before it became a replica is forgotten, and done again
    eventually(lambda: watched.role(former) == "slave", within=40)
    check_goes_on(followed, jobs, begin)

    def connected() -> list[str]:
        with watched.server(former) as server:
            clients = [one for one in server.client_list(_type="normal") if one["cmd"] != "client|list"]
        return [one["addr"] for one in clients if not one["name"].startswith("sentinel-")]

    eventually(lambda: not connected())
