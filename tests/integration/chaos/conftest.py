"""The installation that is harmed, mended before each trial, and audited after it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.chaos.metronome import Metronome
from integration.chaos.trial import Trial
from integration.chaos.witness import Witness
from integration.installation import Installation
from kronstream.dev.controlplane import ControlPlane

HANDLERS = Path(__file__).with_name("witness_handlers.py")


@pytest.fixture(scope="package")
def metronome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metronome]:
    """Tells by how much the machine itself was late."""
    with Metronome(tmp_path_factory.mktemp("metronome") / "late") as metronome:
        yield metronome


@pytest.fixture(scope="package")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Witness:
    """What the handlers saw."""
    return Witness(tmp_path_factory.mktemp("witness") / "calls")


@pytest.fixture(scope="package")
def site(witness: Witness) -> Iterator[Installation]:
    """Two operators and two workers on a control plane of their own."""
    environ = {"WITNESS": str(witness.path)}
    with (
        ControlPlane() as plane,
        Installation(plane, operators=2, workers=2, environ=environ, handlers=HANDLERS) as site,
    ):
        yield site


@pytest.fixture
def trial(site: Installation, witness: Witness) -> Iterator[Trial]:
    """A trial whose installation is whole at the beginning, and whose jobs are gone at the end."""
    for name, process in site.plane.processes.items():
        if process.pid is None:
            site.plane.start_part(name)
    site.start(*site.components)
    site.complaints()
    trial = Trial(site, witness)
    yield trial
    for name in site.components:  # shown when the trial failed
        print(f"--- {name}", *site.log(name).splitlines()[-40:], sep="\n")
    trial.end()
