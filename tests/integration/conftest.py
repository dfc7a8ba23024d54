"""Installations that tests share, with the logs checked after each test."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration import keeping
from integration.charting import Helm
from integration.installation import Installation
from integration.keeping import Kept
from integration.objects import Object, scheduled
from kronstream.dev.controlplane import ControlPlane

WITNESS_HANDLERS = Path(__file__).with_name("chaos") / "witness_handlers.py"
API_HANDLERS = Path(__file__).with_name("api_handlers.py")
# what routers are told of streams: beside those of tests no handler may name any
STREAMS = {"KRONSTREAM_EVENT_STREAMS": "stream:*", "KRONSTREAM_CLOSED_STREAMS": "stream:own-agents"}
MANAGED = {
    "KRONSTREAM_JOB_PATIENCE": "2s",
    "KRONSTREAM_WORKFLOW_KINDS": "widgets.kronstream.test/v1",
    "KRONSTREAM_GRACE": "1s",
}


@contextmanager
def two_of_each(routers: int = 0) -> Iterator[Installation]:
    with (
        ControlPlane() as plane,
        Installation(plane, operators=2, routers=routers, workers=2, environ=STREAMS) as installation,
    ):
        yield installation


@contextmanager
def with_witness() -> Iterator[Installation]:
    with (
        tempfile.TemporaryDirectory(prefix="kronstream-witness-") as folder,
        ControlPlane() as plane,
        Installation(
            plane, operators=2, workers=2, environ={"WITNESS": f"{folder}/calls"}, handlers=WITNESS_HANDLERS
        ) as installation,
    ):
        yield installation


@contextmanager
def with_controllers() -> Iterator[Installation]:
    with (
        ControlPlane(controller_manager=True) as plane,
        Installation(plane, operators=1, workers=2, environ=MANAGED) as installation,
    ):
        yield installation


@contextmanager
def with_doors() -> Iterator[Installation]:
    with (
        ControlPlane() as plane,
        Installation(
            plane, operators=1, routers=1, workers=1, apis=("none", "none", "token"), handlers=API_HANDLERS
        ) as installation,
    ):
        yield installation


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """helm, with a home of its own and no cluster."""
    return Helm(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def kept() -> Iterator[Kept]:
    """The installations that are shared, as long as a file needs them."""
    kept = Kept(
        {
            "site": with_witness,
            "installation": two_of_each,
            "sturdy": two_of_each,
            "routed": lambda: two_of_each(routers=2),
            "doored": with_doors,
            "managed": with_controllers,
        }
    )
    keeping.current = kept
    yield kept
    kept.close()


def checked(installation: Installation) -> Iterator[Installation]:
    """Afterwards its objects are gone and its logs without unexpected ERROR or traceback."""
    yield installation
    installation.clear()
    complaints = installation.complaints()
    assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="module")
def shared_installation(kept: Kept) -> Iterator[Installation]:
    """Two operators and two workers on a control plane of their own, for tests that harm none of them."""
    with kept.used("installation") as installation:
        yield installation


@pytest.fixture(scope="module")
def minutely(shared_installation: Installation) -> Object:
    """A job by cron expression that runs as long as the installation: who looks late need not wait for the minute."""
    spec = {"schedule": "* * * * *", "queue": "nobody"}
    return shared_installation.objects.apply(scheduled("minutely", "kronstream-system", **spec))


@pytest.fixture
def installation(shared_installation: Installation, minutely: Object) -> Iterator[Installation]:
    """The shared installation; see `checked`."""
    yield from checked(shared_installation)


@pytest.fixture(scope="module")
def sturdy_installation(kept: Kept) -> Iterator[Installation]:
    """As the shared one, for tests that kill, restart or flush its parts and leave it whole."""
    with kept.used("sturdy") as installation:
        yield installation


@pytest.fixture
def sturdy(sturdy_installation: Installation) -> Iterator[Installation]:
    """That installation; see `checked`."""
    yield from checked(sturdy_installation)


@pytest.fixture(scope="module")
def routed_installation(kept: Kept) -> Iterator[Installation]:
    """Two operators, two routers and two workers, for tests of events."""
    with kept.used("routed") as installation:
        yield installation


@pytest.fixture
def routed(routed_installation: Installation) -> Iterator[Installation]:
    """That installation; see `checked`."""
    yield from checked(routed_installation)


@pytest.fixture(scope="module")
def doored_installation(kept: Kept) -> Iterator[Installation]:
    """An operator, a router, a worker and three APIs: two that let everybody in, one that asks for a token."""
    with kept.used("doored") as installation:
        yield installation


@pytest.fixture
def doored(doored_installation: Installation) -> Iterator[Installation]:
    """That installation; afterwards its objects are gone and its logs without unexpected ERROR or traceback."""
    yield doored_installation
    for namespace in ("default", "team-a"):
        doored_installation.objects.delete_all(namespace)
    complaints = doored_installation.complaints()
    assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="module")
def managed_installation(kept: Kept) -> Iterator[Installation]:
    """An operator and two workers on a control plane with kube-controller-manager, for what makes objects."""
    with kept.used("managed") as installation:
        yield installation


@pytest.fixture
def managed(managed_installation: Installation) -> Iterator[Installation]:
    """That installation; see `checked`."""
    yield from checked(managed_installation)
