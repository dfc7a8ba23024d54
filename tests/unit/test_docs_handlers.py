"""docs/handlers.md says what the program does: every example, table, command and figure on it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from kronstream.domain.run import Trigger
from kronstream.handlers import Run, handler
from kronstream.ports import bounds
from kronstream.resources import parse_spec
from kronstream.settings import WorkerSettings
from kronstream.worker import discovery, limits, progress
from kronstream.worker.intake import UNFIT, Keys, Whole
from kronstream.worker.registry import NAME, Typed, describe
from unit.docpage import ROOT, Block, blocks, code, tables

PATH = ROOT / "docs" / "handlers.md"
PAGE = PATH.read_text("utf-8")
BLOCKS = blocks(PATH)
TABLES = {one.heading: one for one in tables(PATH)}
PYTHON = [block for block in BLOCKS if block.language == "python"]
TESTS = [block for block in PYTHON if block.heading == "Testing"]
JOBS = [block for block in PYTHON if block not in TESTS]
TYPES = "Which handler type"  # see test_docs_pages.py
YAML = [block for block in BLOCKS if block.language == "yaml" and block.heading != TYPES]
COMMANDS = [
    (block, command)
    for block in BLOCKS
    if block.language == "console"
    for command in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.text, re.MULTILINE)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the examples as jobs.py, and their tests."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "jobs.py").write_text("\n\n".join(block.text for block in JOBS), "utf-8")
    (folder / "test_jobs.py").write_text("\n\n".join(block.text for block in TESTS), "utf-8")
    return folder


def test_the_page_is_read_whole() -> None:
    assert len(JOBS) >= 5
    assert len(TESTS) == 1
    assert len(COMMANDS) == 5
    assert {block.language for block in BLOCKS} == {"python", "yaml", "toml", "console"}
    assert set(TABLES) == {TYPES, "Payloads", "The run", "Limits", "Isolation"}


@pytest.mark.parametrize("at", range(len(COMMANDS)))
def test_a_command_answers_as_shown(at: int, folder: Path) -> None:
    _, (command, shown) = COMMANDS[at]
    words = f"{sys.executable} -m kronstream.cli.main {command.removeprefix('kronstream ')}"
    done = subprocess.run(
        ["sh", "-c", words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert plain(done.stdout.replace(f"{folder}/", "")) == plain(shown)


def plain(text: str) -> list[str]:
    """The lines without what differs from run to run, and without the usage above an error."""
    lines = [
        re.sub(r" in (?:\d+(?:ms|s|m))+\b", " in 1ms", re.sub(r"line \d+", "line 1", line))
        for line in text.splitlines()
    ]
    return [line for line in lines if line.strip(" ^~") and not line.startswith(("Usage:", "Try '"))]


def test_the_tests_on_the_page_pass(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_jobs.py"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


@pytest.mark.parametrize("block", YAML, ids=lambda one: f"line {one.line}")
def test_a_job_on_the_page_is_one_that_the_operator_takes(block: Block) -> None:
    spec = parse_spec({"every": "1h", **yaml.safe_load(block.text)})
    assert spec.handler.function is not None
    if "memory" in block.text:
        assert spec.handler.limits == {"memory": 256 << 20, "cpu_time": 30_000}


def test_the_entry_point_is_the_one_that_is_read() -> None:
    (block,) = [one for one in BLOCKS if one.language == "toml"]
    assert tomllib.loads(block.text)["project"]["entry-points"] == {discovery.GROUP: {"mine": "mypackage.jobs"}}
    assert NAME.fullmatch("x" * 128)
    assert not NAME.fullmatch("x" * 129)
    assert "`_ . : / -`, 128 at most" in PAGE


@dataclass
class Report:
    size: int


def test_parameters_get_what_the_table_says() -> None:
    kinds: list[list[Any]] = []
    for cells in TABLES["Payloads"].rows:
        found = re.findall(r"`(\([^`]*\))`", cells[0])
        kinds.append([kind(signature) for signature in found])
    assert kinds == [[], [None, None, None], [Whole], [Whole], [Keys], [Keys]]
    keys = described("(days: int, dry_run: bool = False)")
    assert keys.invoke({"days": "1"}, Run) == {"days": 1, "dry_run": False}
    assert described("(days: int, **others: Any)").invoke({"days": 1, "x": 2}, Run) == {"days": 1, "others": {"x": 2}}
    assert f"type `{UNFIT}`" in PAGE


def described(signature: str) -> Any:
    space: dict[str, Any] = {"Report": Report, "Any": Any}
    exec(f"def f{signature}: return locals()", space)
    return describe("f", space["f"])


def kind(signature: str) -> type | None:
    function = described(signature)
    return type(function.intake) if isinstance(function, Typed) else None


def test_the_table_of_the_run_has_its_fields_and_no_others() -> None:
    told = {code(part.strip()) for cells in TABLES["The run"].rows for part in cells[0].split(", ")}
    there = {one.name for one in fields(Run)} - {"wait", "_tell"} | {"remaining", "logger"}
    assert told == there
    (row,) = [cells for cells in TABLES["The run"].rows if cells[0] == "`trigger`"]
    assert {trigger.name.lower() for trigger in Trigger} == set(re.findall(r"`(\w+)`", row[1]))


@pytest.mark.parametrize(
    "sentence",
    [
        f"a text ({progress.TEXT} characters are kept) and data (JSON, {progress.DATA // 1024} KiB)",
        f"any JSON up to {bounds.RESULT // 1024} KiB and {bounds.RESULT_DEPTH} levels",
        f"`output`: the last {bounds.OUTPUT // 1024} KiB",
        f"more than {limits.GROWN >> 20} MiB of memory is left",
        "`memory` goes from `16Mi` to `1Ti`, `cpuTime` from `1s` to `30d`",
        f"reason `crashed`, type `{limits.MEMORY}`",
        f"reason `crashed`, type `{limits.CPU_TIME}`",
        f"`{limits.MEMORY_CODE}`, `{limits.CPU_CODE}`",
        " and ".join(
            f"`{WorkerSettings.__dataclass_fields__[name].metadata['env']}`"
            for name in ("child_memory", "child_cpu_time")
        ),
    ],
)
def test_figures_and_names_in_sentences_are_the_programs(sentence: str) -> None:
    assert PAGE.replace("\n", " ").count(sentence) == 1


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(#([^)]+)\)", PAGE))))
def test_a_link_within_the_page_leads_somewhere(link: str) -> None:
    heads = [line.lstrip("# ") for line in PAGE.splitlines() if line.startswith("#")]
    assert link in {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads}


def test_names_on_the_page_are_names_of_the_program() -> None:
    for path in set(re.findall(r"`(tests/[a-z_/]+\.py)`", PAGE)):
        assert (ROOT / path).exists()
    assert callable(handler)
