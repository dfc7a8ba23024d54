"""The page about observing, and the runbooks, say what is so."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from kronstream.cli.metrictable import END, inserted, rows
from kronstream.cluster import watch
from kronstream.controller import ticker
from kronstream.controller.storeview import MOST_QUEUES, OLD
from kronstream.events import delivery
from kronstream.health import LOOP
from kronstream.runsapi.settings import RunsSettings
from kronstream.settings import OperatorSettings, RouterSettings, WorkerSettings
from kronstream.worker import heart
from unit.docpage import ROOT, tables
from unit.pagecommands import FENCE, PROGRAMS, SPAN

PAGE = ROOT / "docs" / "observe.md"
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
DEPLOYED = ROOT / "deploy" / "base" / "api.yaml"
FILES = ROOT / "charts" / "kronstream" / "files"
ALERTS = yaml.safe_load((FILES / "alerts" / "alerts.yaml").read_text())["groups"]
SLO = yaml.safe_load((FILES / "alerts" / "slo.yaml").read_text())["groups"]
RECORDED = {rule["record"] for group in SLO for rule in group["rules"]}


def known(name: str) -> bool:
    """Whether there is a metric, or a family of metrics, or a recorded series of this name."""
    if name in RECORDED:
        return True
    bare = re.sub("_(bucket|count|sum)$", "", name)
    return any(row.name in (name, bare) or (name.endswith("_") and row.name.startswith(name)) for row in rows())


def test_the_table_is_the_one_that_the_code_makes() -> None:
    page = PAGE.read_text()
    assert inserted(page) == page
    with pytest.raises(ValueError, match="each once"):
        inserted(page.replace(END, ""))


def test_metrics_are_named_by_the_rules() -> None:
    for row in rows():
        assert re.fullmatch("(kronstream|process)(_[a-z]+)+", row.name)
        assert row.name.endswith("_total") == (row.kind == "counter")
        assert (row.kind != "histogram") or row.name.endswith("_seconds")
        assert not {"job", "name", "uid", "run", "instance", "namespace"} & set(row.labels), row


@pytest.mark.parametrize("page", [PAGE, *RUNBOOKS], ids=lambda page: page.name)
def test_metrics_that_a_page_names_are_there(page: Path) -> None:
    for name in re.findall(r"\bkronstream[_:][a-z_:0-9]+", page.read_text()):
        assert known(name), name


def said(text: str) -> list[str]:
    """What a page says that programs say: code of several words that is no command, no query, and what is slanted."""
    spans = [" ".join(code.split()) for _, code in SPAN.findall(FENCE.sub("", text))]
    found = [
        code
        for code in spans
        if " " in code and code.split()[0] not in PROGRAMS and not re.search("[(={]|^[a-zA-Z]+: ", code)
    ]
    return found + [" ".join(slanted.split()) for slanted in re.findall(r"(?<![*\w])\*([A-Z][^*]+)\*(?!\*)", text)]


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.name)
def test_what_a_runbook_says_that_programs_say_is_said(page: Path) -> None:
    files = [*(ROOT / "operator").rglob("*.py"), *(ROOT / "tests/integration").glob("runbookscenes.py")]
    code = re.sub(r'"\s*\n\s*f?"', "", "\n".join(file.read_text() for file in files))
    for text in said(page.read_text()):
        for part in text.split("…"):
            assert part.strip() in code, text


def test_sentences_of_programs_are_found() -> None:
    found = {text for page in RUNBOOKS for text in said(page.read_text())}
    assert len(found) > 9
    assert "the watch of … ended" in found
    assert "Redis is being filled from the resources" in found


@pytest.mark.parametrize("page", [PAGE, *RUNBOOKS], ids=lambda page: page.name)
def test_links_lead_to_pages(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_alert_is_in_the_page() -> None:
    found = {
        (f"`{rule['alert']}`", rule["labels"]["severity"], rule["annotations"]["runbook_url"])
        for group in ALERTS
        for rule in group["rules"]
    }
    (table,) = (one for one in tables(PAGE) if one.columns[0] == "alert")
    told = {(name, severity, "docs/" + re.findall(r"\((.+)\)", link)[0]) for name, severity, link in table.rows}
    assert told == found
    assert {link.rpartition("/")[2] for _, _, link in told} == {page.name for page in RUNBOOKS}


def test_ports_and_bounds_are_those_of_the_code() -> None:
    text = PAGE.read_text()
    settings = {
        "operator": OperatorSettings, "router": RouterSettings, "extension API server": RunsSettings,
        "worker": WorkerSettings,
    }  # fmt: skip
    for name, kind in settings.items():
        port = kind.__dataclass_fields__["metrics_port"].default
        assert f"| {name} | {port or 'off'} | `KRONSTREAM_METRICS_PORT` |" in text
    (api,) = re.findall(r"KRONSTREAM_API_METRICS_PORT\n +value: \"(\d+)\"", DEPLOYED.read_text())
    assert f"| HTTP API | the port of the API; {api} in the chart | `KRONSTREAM_API_METRICS_PORT` |" in text
    for bound in (LOOP, ticker.STUCK, watch.STUCK, delivery.STUCK, heart.STUCK, OLD):
        assert f"{bound:g} s" in text
    assert f"the first {MOST_QUEUES} by name" in text


@pytest.mark.parametrize("place", sorted((FILES / "dashboards").glob("*.json")), ids=lambda place: place.name)
def test_a_dashboard_asks_for_what_there_is(place: Path) -> None:
    page: dict[str, Any] = json.loads(place.read_text())
    assert len({panel["id"] for panel in page["panels"]}) == len(page["panels"])
    for panel in page["panels"]:
        for target in panel.get("targets", ()):
            names = re.findall(r"\b(?:kronstream|process)[_:][a-z_:0-9]+", target["expr"])
            assert names
            assert all(known(name) for name in names), target["expr"]
            assert 'namespace=~"$namespace"' in target["expr"]
