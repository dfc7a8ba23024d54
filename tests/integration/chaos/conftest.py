"""The installation that is harmed, mended before each trial, and audited after it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.chaos.metronome import Metronome
from integration.chaos.trial import Trial
from integration.chaos.witness import Witness
from integration.installation import Installation
from integration.keeping import Kept


@pytest.fixture(scope="module")
def metronome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metronome]:
    """Tells by how much the machine itself was late."""
    with Metronome(tmp_path_factory.mktemp("metronome") / "late") as metronome:
        yield metronome


@pytest.fixture(scope="module")
def site(kept: Kept) -> Iterator[Installation]:
    """Two operators and two workers on a control plane of their own."""
    with kept.used("site") as site:
        yield site


@pytest.fixture(scope="module")
def witness(site: Installation) -> Witness:
    """What the handlers saw."""
    return Witness(Path(site.environ["WITNESS"]))


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
