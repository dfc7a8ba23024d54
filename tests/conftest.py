"""What every test may ask for."""

import os
from collections import Counter
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from integration.keeping import arrange, leave, together
from kronstream.dev.binaries import find, wanted
from kronstream.dev.controlplane import ControlPlane
from kronstream.dev.errors import DevError
from kronstream.dev.kubectl import Kubectl

# a machine that does other things too is no reason to fail
settings.register_profile("kronstream", deadline=None)
settings.load_profile("kronstream")
# programs in Go collect their garbage a fourth as often: a quarter of what kube-apiserver's start costs
os.environ.setdefault("GOGC", "400")


class Together(LoadFileScheduling):
    """Shares out files as they are, but for those that want the same installation: one process has them all."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self._root = config.rootpath

    def _split_scope(self, nodeid: str) -> str:
        return together(self._root / nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together | None:
    """Of `--dist loadfile`."""
    return Together(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Generator[None]:
    """Installations end with the last test that wants them."""
    yield
    if nextitem is not None:
        leave(nextitem)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Installations are shared by files that come one after the other."""
    items[:] = arrange(items)
    seen: Counter[str] = Counter(item.nodeid for item in items)
    for item in items:
        # made of one function by a library, they would be one test to those who share tests out among processes
        if seen[item.nodeid] > 1:
            item._id = item._id.with_params(item.name.partition("[")[2].rstrip("]"))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """What asynchronous tests run on, and nothing else."""
    return "asyncio"


@pytest.fixture(scope="session")
def controlplane() -> Iterator[ControlPlane]:
    """A running etcd, kube-apiserver and Redis with CRDs and RBAC installed, shared by the whole session.

    Tests that kill or restore parts start a ControlPlane of their own.
    """
    try:
        binaries = find(wanted(controller_manager=False), os.environ)
    except DevError as error:
        pytest.fail(str(error), pytrace=False)
    with ControlPlane(binaries=binaries) as plane:
        yield plane


@pytest.fixture(scope="session")
def kubectl(controlplane: ControlPlane) -> Kubectl:
    """kubectl as the shared control plane's admin: `kubectl("get", "ns") -> str`."""
    return controlplane.kubectl
