"""The runbooks: for each the ill that it is about is there, its commands are run, and one sees what it says."""

import math
from collections.abc import Iterator

import pytest

from eventually import eventually
from integration.installation import Installation
from integration.oncall import WITHIN, OnCall, queries
from integration.prometheus import Prometheus, scraping
from integration.runbookscenes import SCENES
from unit.docpage import ROOT
from unit.pagecommands import DOCS, PAGES, RUNBOOKS, claimed

RULES = sorted((ROOT / "charts" / "kronstream" / "files" / "alerts").glob("*.yaml"))
COMMANDS = claimed(RUNBOOKS)
# shown together with another one, or by tests of their own
ELSEWHERE = {
    "runbooks/api-errors": "runbooks/redis-away",
    "runbooks/certificate-expires": "tests/integration/test_install_page.py",
}
ASKED = [(page, text) for page in (path.relative_to(DOCS).with_suffix("").as_posix() for path in PAGES)
         for text in queries(page)]  # fmt: skip


@pytest.fixture(scope="module")
def monitor(doored_installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus over all processes."""
    targets: dict[str, list[int]] = {}
    for name, component in doored_installation.components.items():
        targets.setdefault(name.rpartition("-")[0], []).append(component.port)
    with scraping(tmp_path_factory.mktemp("prometheus"), targets, RULES) as prometheus:
        yield prometheus


def test_every_runbook_is_shown() -> None:
    pages = {f"runbooks/{path.stem}" for path in (DOCS / "runbooks").glob("*.md")}
    assert pages == SCENES.keys() | ELSEWHERE.keys()
    assert {one.page for one in COMMANDS} <= SCENES.keys()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", sorted(SCENES))
def test_a_runbook(page: str, doored: Installation, monitor: Prometheus) -> None:
    call = OnCall(doored, [one for one in COMMANDS if one.page == page], monitor)
    SCENES[page](call)
    assert call.left == set()


def test_what_pages_ask_of_prometheus_has_an_answer(doored: Installation, monitor: Prometheus) -> None:
    """After all that, there is something behind every query."""
    call = OnCall(doored, (), monitor)
    assert len(ASKED) > 8
    for page, text in ASKED:
        eventually(lambda text=text: not math.isnan(call.graph(text)), within=WITHIN, because=f"{page}: {text}")
