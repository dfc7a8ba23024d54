"""One release for the whole suite. Settings are variables; docs/images.md lists them."""

import base64
import contextlib
import os
import re
from collections.abc import Iterator

import pytest
import redis
from e2e.cluster import ROOT, Cluster, RefusedError, load
from e2e.load import Load
from e2e.release import COMPONENTS, HANDLERS, NAME, Release
from e2e.witness import Witness

SYSTEM, JOBS = "kronstream-e2e", "kronstream-e2e-jobs"
# each file finds the release as the one before it left it
ORDER = ("install", "handlers", "doors", "pages", "scaling", "disruption", "upgrade", "policies", "uninstall")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """From the installation to its end."""
    items.sort(key=lambda item: ORDER.index(item.path.stem.removeprefix("test_")))


@pytest.fixture(scope="session")
def system() -> Iterator[Cluster]:
    """The release's namespace, in which Pod Security refuses what is not restricted."""
    load(os.environ.get("E2E_ARCHIVES", "").split())
    cluster = Cluster(SYSTEM)
    enforced = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM, "labels": enforced}})
    functions = (ROOT / "e2e" / "handlers.py").read_text(encoding="utf-8")
    meta = {"name": HANDLERS, "namespace": SYSTEM}
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"handlers.py": functions}})
    yield cluster
    cluster("delete", "namespace", SYSTEM, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="session")
def jobs() -> Iterator[Cluster]:
    """A namespace for jobs."""
    cluster = Cluster(JOBS)
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": JOBS}})
    yield cluster
    cluster("delete", "namespace", JOBS, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="session")
def release(system: Cluster, jobs: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """The installed release. It is removed at the end, whatever happened; its CRDs and all jobs, too."""
    release = Release(system, tmp_path_factory.mktemp("release"))
    try:
        release.upgrade()
    except RefusedError as error:
        pytest.fail(f"{error}\n{_told(system)}", pytrace=False)
    yield release
    release.helm("uninstall", NAME, "--ignore-not-found", "--wait")
    system("delete", "crd", "--ignore-not-found", "scheduledjobs.kronstream.dev", "eventhandlers.kronstream.dev")


def _told(system: Cluster) -> str:
    """What there is to know about Pods that did not get ready."""
    said = [system("get", "pods", "-o", "wide"), system("get", "events", "--sort-by=.lastTimestamp")[-5000:]]
    for component in COMPONENTS:
        selector = f"app.kubernetes.io/component={component}"
        said.append(system("logs", "-l", selector, "--all-containers", "--tail=15", "--prefix", "--ignore-errors"))
    return "\n".join(said)


@pytest.fixture(scope="module")
def witness(release: Release) -> Iterator[Witness]:
    """What handlers saw."""
    secret = release.cluster.read("secret", f"{NAME}-redis")["data"]["password"]
    password = base64.b64decode(secret).decode()
    with contextlib.ExitStack() as stack:

        def connect() -> redis.Redis:
            port = stack.enter_context(release.cluster.forwarded(f"service/{NAME}-redis", 6379))
            return redis.Redis(port=port, password=password, decode_responses=True)

        yield Witness(connect)


@pytest.fixture
def load_of(jobs: Cluster, witness: Witness, request: pytest.FixtureRequest) -> Iterator[Load]:
    """Four jobs a second, started and running; after the test they are stopped and deleted."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))[:40].strip("-")
    made = Load(jobs, witness, name, jobs=4, seconds=0.3)
    made.start()
    yield made
    made.remove()
