"""What keeps an operator, a router and an API from starting: the data of another cluster, missing rights, missing CRDs.
They wait, say why, and go on by themselves.
"""

from collections.abc import Iterator

import pytest

from eventually import eventually
from integration.calls import Calls, problem
from integration.installation import START, Installation
from integration.objects import Object, scheduled
from integration.probes import readiness as readiness_of
from integration.timeline import now, until
from kronstream.dev.components import Component, component
from kronstream.dev.controlplane import ControlPlane
from kronstream.streams.keys import Keys

OWNER = Keys().installation
OTHER = "00000000-0000-4000-8000-000000000000"
PARTS = ("operator-1", "router-1")


@pytest.fixture(scope="module")
def alone() -> Iterator[Installation]:
    """An operator, a router, a worker and an API."""
    with ControlPlane() as plane, Installation(plane, operators=1, routers=1, workers=1, apis=["none"]) as installation:
        yield installation
        complaints = installation.complaints()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def job(alone: Installation) -> Iterator[Object]:
    """A job that runs every second."""
    (job,) = alone.apply(scheduled("steady", every="1s", history={"successful": 1_000}))
    eventually(lambda: alone.records(job), within=10)
    yield job
    alone.clear()


def readiness(alone: Installation, name: str) -> str:
    return readiness_of(alone.components[name])


def cluster(alone: Installation) -> str:
    return str(alone.plane.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"))


def well(alone: Installation, *names: str) -> None:
    for name in names or PARTS:
        eventually(lambda name=name: readiness(alone, name).startswith("200 "), within=START)


def test_the_data_belongs_to_the_cluster_that_came_first(alone: Installation) -> None:
    assert alone.redis.get(OWNER) == cluster(alone)
    alone.redis.delete(OWNER)
    eventually(lambda: alone.redis.get(OWNER) == cluster(alone), within=10)
    well(alone)


def test_data_of_another_cluster_is_left_alone(alone: Installation, job: Object) -> None:
    mine, known = cluster(alone), alone.redis.zcard(Keys().jobs)
    alone.stop(*PARTS)
    alone.redis.set(OWNER, OTHER)
    before = len(alone.records(job))

    alone.start(*PARTS, wait=False)

    for name in PARTS:
        said = f"belongs to installation {OTHER}, and this is {mine}: give this one a Redis"
        eventually(lambda name=name, said=said: said in readiness(alone, name), within=START)
        assert alone.log(name).count(said) == 1
    eventually(lambda: f"belongs to installation {OTHER}" in readiness(alone, "api-1"), within=START)
    with Calls(alone.url()) as calls:
        told = problem(calls.get("/jobs"), 503)
        assert f"belongs to installation {OTHER}, and this is {mine}" in told["detail"]
        assert calls.post("/jobs/default:steady/run").status_code == 503
    until(now() + 2_500)
    assert len(alone.records(job)) <= before + 1  # what was due at the stop
    assert (alone.redis.get(OWNER), alone.redis.zcard(Keys().jobs)) == (OTHER, known)
    assert alone.redis.hlen(Keys()._of("replicas")) == 0

    alone.redis.set(OWNER, mine)
    well(alone, *PARTS, "api-1")
    with Calls(alone.url()) as calls:
        assert calls.get("/jobs").status_code == 200
    eventually(lambda: len(alone.records(job)) > before + 2, within=10)


def test_a_rebuilt_cluster_goes_on_with_the_data_that_it_names(alone: Installation, job: Object) -> None:
    alone.stop(*PARTS)
    alone.redis.set(OWNER, OTHER)
    alone.start("router-1", wait=False)
    heir = component(alone.plane, "operator", 9, environ={"KRONSTREAM_TAKE_OVER": OTHER})
    heir.process.start()
    try:
        heir.process.wait_until(heir.ready, START)
        assert alone.redis.get(OWNER) == cluster(alone)
        before = len(alone.records(job))
        eventually(lambda: len(alone.records(job)) > before + 1, within=10)
        well(alone, "router-1")
    finally:
        heir.process.stop()
        alone.start(*PARTS)


def test_whoever_loses_the_data_ends_and_waits(alone: Installation, job: Object) -> None:
    alone.allow("another installation took over the data", "^ *Traceback ")
    alone.redis.set(OWNER, OTHER)
    for name in PARTS:
        process = alone.components[name].process
        eventually(lambda process=process: process.exit_code == 1, within=15)
        assert "another installation took over the data in Redis" in alone.log(name)
    alone.start(*PARTS, wait=False)
    eventually(lambda: OTHER in readiness(alone, "operator-1"), within=START)
    assert alone.complaints() == []
    alone.redis.set(OWNER, cluster(alone))
    well(alone)


def started(alone: Installation, number: int, **environ: str) -> list[Component]:
    made = [component(alone.plane, role, number, environ=environ) for role in ("operator", "router")]
    for one in made:
        one.process.start()
        alone.components[one.name] = one
    return made


def ended(alone: Installation, parts: list[Component]) -> None:
    for one in parts:
        assert one.process.pid is not None
        one.process.stop()
        del alone.components[one.name]


def test_missing_rights_are_named(alone: Installation) -> None:
    parts = started(alone, 7, KUBECONFIG=str(alone.plane.kubeconfig_for("nobody")))
    try:
        for name, plural in (("operator-7", "scheduledjobs"), ("router-7", "eventhandlers")):
            said = f'nobody" cannot list resource "{plural}" in API group "kronstream.dev"'
            eventually(lambda name=name, said=said: said in readiness(alone, name), within=START)
            assert readiness(alone, name).startswith("503 ")
            assert said in alone.log(name)
    finally:
        ended(alone, parts)


def test_missing_crds_are_named_and_waited_for(alone: Installation) -> None:
    alone.clear()
    alone.stop(*PARTS)
    alone.plane.kubectl("delete", "crd", "--all")
    parts = started(alone, 8)
    try:
        for name in ("operator-8", "router-8"):
            said = "is not served: its CRD is missing; run `kronstream crds | kubectl apply --server-side -f -`"
            eventually(lambda name=name, said=said: said in readiness(alone, name), within=START)
            assert said in alone.log(name)
        alone.plane.install()
        well(alone, "operator-8", "router-8")
    finally:
        ended(alone, parts)
        alone.start(*PARTS)
