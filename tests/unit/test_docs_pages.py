"""All pages: links lead somewhere, what they name is there, and docs/handlers.md names every handler type."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from kronstream.admission.settings import WebhookSettings
from kronstream.api.settings import ApiSettings
from kronstream.resources import parse_spec
from kronstream.resources.handler import TYPES
from kronstream.resources.workflow import FORMS
from kronstream.runsapi.settings import RunsSettings
from kronstream.setting import read_settings
from kronstream.settings import IngestSettings, OperatorSettings, RouterSettings, WorkerSettings
from unit import docpage, docparts, docruns
from unit.docpage import ROOT, Block, code

DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*DOCS, *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"))]
ENTRY = ROOT / "docs" / "handlers.md"
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
FOLDERS = "tests|deploy|examples|docs|crds|scripts|benchmarks"
ROOMS = "cli|controller|operations|ports|worker|resources|domain|streams"


def prose(path: Path) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", path.read_text("utf-8"))


def anchors(path: Path) -> set[str]:
    """What can follow the # of a link to a page; a heading that is there again gets a number."""
    seen: Counter[str] = Counter()
    found = set()
    for head in re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def links(path: Path) -> list[str]:
    return [link for link in LINK.findall(prose(path)) if not re.match("[a-z]+:", link)]


@pytest.mark.parametrize(
    ("path", "link"),
    [(path, link) for path in PAGES for link in links(path)],
    ids=lambda value: value.name if isinstance(value, Path) else value,
)
def test_a_link_leads_somewhere(path: Path, link: str) -> None:
    name, _, anchor = link.partition("#")
    target = (path.parent / name).resolve() if name else path
    assert target.exists()
    assert target.is_relative_to(ROOT)
    if anchor:
        assert anchor in anchors(target)


def test_every_page_can_be_reached() -> None:
    found, told = {ENTRY}, [ENTRY, ROOT / "README.md"]
    while told:
        path = told.pop()
        to = {(path.parent / link.partition("#")[0]).resolve() for link in links(path)} & set(DOCS)
        told += to - found
        found |= to
    assert found == set(DOCS)
    assert all(len(links(path)) > 0 for path in DOCS)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_files_that_a_page_names_are_there(path: Path) -> None:
    for name in re.findall(rf"`((?:{FOLDERS})/[\w/.*-]*)`", prose(path)):
        assert list(ROOT.glob(name.rstrip("/"))), name
    for name in re.findall(rf"`((?:{ROOMS})/[\w/.-]+\.(?:py|lua))`", prose(path)):
        assert (ROOT / "operator" / "kronstream" / name).exists(), name


def test_variables_that_pages_name_are_settings() -> None:
    settings = str({kind: kind.__dataclass_fields__ for kind in map(type, parts())})
    given = {"KRONSTREAM_RUN_ID", "KRONSTREAM_NOMINAL_TIME", "KRONSTREAM_ATTEMPT", "KRONSTREAM_PAYLOAD"}  # of a Job
    for file in (ROOT / "operator/kronstream/cli/client").glob("*.py"):  # of people who call the API
        given |= set(re.findall(r"KRONSTREAM_[A-Z_]+", file.read_text("utf-8")))
    for path in DOCS:
        for name in set(re.findall(r"KRONSTREAM_[A-Z_]+", path.read_text("utf-8"))) - given:
            assert f"'{name}'" in settings, (path.name, name)


def parts() -> list[object]:
    worker, operator = read_settings(WorkerSettings, {}), read_settings(OperatorSettings, {})
    router, ingest = read_settings(RouterSettings, {}), read_settings(IngestSettings, {})
    runs, api = read_settings(RunsSettings, {}), read_settings(ApiSettings, {})
    webhook = read_settings(WebhookSettings, {})
    return [worker, worker.redis, worker.log, worker.types, operator, router, ingest, runs, api, webhook]


# the entry page

EXAMPLES = [block for block in docpage.blocks(ENTRY) if block.heading == "Which handler type"]


def test_the_entry_page_names_every_handler_type() -> None:
    (types,) = [table for table in docpage.tables(ENTRY) if table.heading == "Which handler type"]
    known = [name for name in TYPES if name != "workflow"] + [f"workflow.{form}" for form in FORMS]
    assert sorted(code(row[0]) for row in types.rows) == sorted(known)
    assert [type_of(block) for block in EXAMPLES] == [code(row[0]) for row in types.rows]


def type_of(block: Block) -> str:
    handler = parse_spec(docruns.fields(block.text)).handler
    if handler.workflow is None:
        return handler.offered.removeprefix("@") if handler.function is None else "function"
    return "workflow.resource" if handler.workflow.resource is not None else "workflow.stream"


@pytest.mark.parametrize("block", EXAMPLES, ids=lambda block: f"line {block.line}")
def test_an_example_of_a_type_is_a_job_that_the_operator_takes(block: Block) -> None:
    docparts.good([docruns.around(docruns.fields(block.text))])
