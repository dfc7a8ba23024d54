"""`/healthz` of real processes: 503 with the name of what stands still in one, 200 while its neighbours are away."""

import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventually import eventually
from integration.eventbench import event, listening, send
from integration.installation import START, Installation
from integration.objects import handling, scheduled
from kronstream.dev.controlplane import ControlPlane

SICK = Path(__file__).with_name("sick")
AFTER = 6.0  # seconds: well above what a busy machine may take, below what the neighbours are away
AWAY = 9.0
NAMES = {
    "operator-1": ("the ticker stands still for", "the watch of scheduledjobs stands still for"),
    "router-1": ("the delivery of events stands still for",),
    "worker-1": ("the heartbeat stands still for",),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Path]]:
    """One of each, and the file with which they fall sick."""
    when = tmp_path_factory.mktemp("sick") / "now"
    environ = {"PYTHONPATH": str(SICK), "SICK_WHEN": str(when), "SICK_AFTER": str(AFTER)}
    with (
        ControlPlane() as plane,
        Installation(plane, operators=1, routers=1, workers=1, environ=environ) as installation,
    ):
        yield installation, when


def health(site: Installation, name: str) -> tuple[int, str]:
    """What its liveness probe gets."""
    url = f"http://127.0.0.1:{site.components[name].port}/healthz"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def well(site: Installation, seconds: float) -> None:
    """All of them, all the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert {name: health(site, name)[0] for name in NAMES} == dict.fromkeys(NAMES, 200)
        time.sleep(0.3)


@pytest.mark.timeout(240)
def test_neighbours_that_are_away_make_nobody_sick(site: tuple[Installation, Path]) -> None:
    installation, _ = site
    (handler, *_) = installation.apply(
        handling("hears", "a.b", action={"runJob": {"name": "steady"}}),
        scheduled("steady", function="probe:note", every="1s"),
    )
    installation.wait(handler, listening, within=30)
    well(installation, 0.1)

    installation.plane.stop_part("apiserver", signal.SIGKILL)
    well(installation, AWAY)
    installation.plane.stop_part("redis", signal.SIGKILL)
    well(installation, AWAY)

    for name in ("redis", "apiserver"):
        installation.plane.start_part(name)
    for name in NAMES:
        component = installation.components[name]
        component.process.wait_until(component.ready, START)
    well(installation, 0.1)


@pytest.mark.timeout(120)
def test_what_stands_still_is_named(site: tuple[Installation, Path]) -> None:
    installation, when = site
    when.touch()
    send(installation, event("a.b"))
    for name, faults in NAMES.items():
        code, text = eventually(
            lambda name=name, faults=faults: (
                found if all(fault in (found := health(installation, name))[1] for fault in faults) else None
            ),
            within=AFTER + 30,
            because=f"{health(installation, name)}",
        )
        assert code == 503, (name, text)
