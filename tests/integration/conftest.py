"""Installations that tests share, with the logs checked after each test."""

from collections.abc import Iterator

import pytest

from integration.installation import Installation
from kronstream.dev.controlplane import ControlPlane


@pytest.fixture(scope="session")
def shared_installation() -> Iterator[Installation]:
    """Two operators and two workers on a control plane of their own, for tests that harm none of them."""
    with ControlPlane() as plane, Installation(plane, operators=2, workers=2) as installation:
        yield installation


@pytest.fixture
def installation(shared_installation: Installation) -> Iterator[Installation]:
    """The shared installation; afterwards its jobs are gone and its logs without unexpected ERROR or traceback."""
    yield shared_installation
    shared_installation.clear()
    complaints = shared_installation.complaints()
    assert not complaints, "\n".join(complaints)
