"""The workflow files of GitHub Actions: they can be read, are pinned, hold few rights, and call tasks that exist."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def parsed(file: Path) -> dict[str, Any]:
    return dict(yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader))


def steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in parsed(file)["jobs"].values() for step in job["steps"]]


def test_there_is_one_for_tests_image_and_chart() -> None:
    assert [file.stem for file in FILES] == ["chart", "image", "tests"]
    tests = ROOT / ".github" / "workflows" / "tests.yaml"
    assert "make test" in [step.get("run") for step in steps(tests)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_is_well_formed_and_may_only_read(file: Path) -> None:
    workflow = parsed(file)
    assert workflow["permissions"] == {"contents": "read"}
    assert {"push", "pull_request"} <= set(workflow["on"])
    for job in workflow["jobs"].values():
        assert 0 < int(job["timeout-minutes"]) <= 60
        assert job["runs-on"]
        assert "permissions" not in job
    for step in steps(file):
        assert ("run" in step) != ("uses" in step)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_actions_are_pinned_by_commit_and_leave_no_credentials(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for line in re.findall(r"^.*\buses: .*$", text, re.MULTILINE):
        assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line
    for step in steps(file):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_tasks_and_files_that_it_names_exist(file: Path) -> None:
    for step in steps(file):
        for call in re.findall(r"\bmake ((?:[a-z0-9-]+ ?)+)", step.get("run", "")):
            assert set(call.split()) <= TARGETS, call
        for lock in re.findall(r"-r (\S+)", step.get("run", "")):
            assert (ROOT / lock).is_file(), lock
        for folder in re.findall(r"\b(charts/\S+?)/\*\.yaml", step.get("run", "")):
            assert list((ROOT / folder).glob("*.yaml")), folder


def test_nothing_that_a_stranger_writes_becomes_a_command() -> None:
    """What a pull request brings may stand in an expression of `run` only where we chose the words."""
    for file in FILES:
        for step in steps(file):
            for expression in re.findall(r"\$\{\{\s*(.*?)\s*\}\}", step.get("run", "")):
                assert expression.startswith("matrix."), (file.name, expression)
