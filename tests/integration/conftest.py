"""Installations that tests share, with the logs checked after each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.installation import Installation
from integration.objects import Object, scheduled
from kronstream.dev.controlplane import ControlPlane

API_HANDLERS = Path(__file__).with_name("api_handlers.py")


@pytest.fixture(scope="session")
def shared_installation() -> Iterator[Installation]:
    """Two operators and two workers on a control plane of their own, for tests that harm none of them."""
    with ControlPlane() as plane, Installation(plane, operators=2, workers=2) as installation:
        yield installation


@pytest.fixture(scope="session")
def minutely(shared_installation: Installation) -> Object:
    """A job by cron expression that runs as long as the session: who looks late need not wait for the minute."""
    spec = {"schedule": "* * * * *", "queue": "nobody"}
    return shared_installation.objects.apply(scheduled("minutely", "kronstream-system", **spec))


@pytest.fixture
def installation(shared_installation: Installation, minutely: Object) -> Iterator[Installation]:
    """The shared installation; afterwards its jobs are gone and its logs without unexpected ERROR or traceback."""
    yield shared_installation
    shared_installation.clear()
    complaints = shared_installation.complaints()
    assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="session")
def sturdy_installation() -> Iterator[Installation]:
    """As the shared one, for tests that kill, restart or flush its parts and leave it whole."""
    with ControlPlane() as plane, Installation(plane, operators=2, workers=2) as installation:
        yield installation


@pytest.fixture
def sturdy(sturdy_installation: Installation) -> Iterator[Installation]:
    """That installation; afterwards its jobs are gone and its logs without unexpected ERROR or traceback."""
    yield sturdy_installation
    sturdy_installation.clear()
    complaints = sturdy_installation.complaints()
    assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="session")
def routed_installation() -> Iterator[Installation]:
    """Two operators, two routers and two workers, for tests of events."""
    with ControlPlane() as plane, Installation(plane, operators=2, routers=2, workers=2) as installation:
        yield installation


@pytest.fixture
def routed(routed_installation: Installation) -> Iterator[Installation]:
    """That installation; afterwards its objects are gone and its logs without unexpected ERROR or traceback."""
    yield routed_installation
    routed_installation.clear()
    complaints = routed_installation.complaints()
    assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="session")
def doored_installation() -> Iterator[Installation]:
    """An operator, a router, a worker and three APIs: two that let everybody in, one that asks for a token."""
    with (
        ControlPlane() as plane,
        Installation(
            plane, operators=1, routers=1, workers=1, apis=("none", "none", "token"), handlers=API_HANDLERS
        ) as installation,
    ):
        yield installation


@pytest.fixture
def doored(doored_installation: Installation) -> Iterator[Installation]:
    """That installation; afterwards its objects are gone and its logs without unexpected ERROR or traceback."""
    yield doored_installation
    for namespace in ("default", "team-a"):
        doored_installation.objects.delete_all(namespace)
    complaints = doored_installation.complaints()
    assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="session")
def managed_installation() -> Iterator[Installation]:
    """An operator and two workers on a control plane with kube-controller-manager, for what makes objects."""
    environ = {
        "KRONSTREAM_JOB_PATIENCE": "2s",
        "KRONSTREAM_WORKFLOW_KINDS": "widgets.kronstream.test/v1",
        "KRONSTREAM_GRACE": "1s",
    }
    with (
        ControlPlane(controller_manager=True) as plane,
        Installation(plane, operators=1, workers=2, environ=environ) as installation,
    ):
        yield installation


@pytest.fixture
def managed(managed_installation: Installation) -> Iterator[Installation]:
    """That installation; afterwards its jobs are gone and its logs without unexpected ERROR or traceback."""
    yield managed_installation
    managed_installation.clear()
    complaints = managed_installation.complaints()
    assert not complaints, "\n".join(complaints)
