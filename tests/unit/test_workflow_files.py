"""The workflow files of GitHub Actions: they can be read, are pinned, hold few rights, and call tasks that exist."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from kronstream.dev.gobuild import APART, PACKAGES

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


def test_what_the_tests_need_of_debian_is_installed_and_stopped() -> None:
    scripts = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "scripts").glob("*.sh"))
    needed = set(re.findall(r"^\s*install_package (\S+)", scripts, re.MULTILINE))
    assert needed == {"redis-server", "prometheus"}
    commands = [step.get("run", "") for step in steps(ROOT / ".github" / "workflows" / "tests.yaml")]
    (installed,) = (set(line.split()) for line in commands if "apt-get install" in line)
    (stopped,) = (set(line.split()) for line in commands if "systemctl disable --now" in line)
    assert needed <= installed & stopped


def test_every_lock_and_every_go_module_is_audited() -> None:
    text = (ROOT / ".github" / "workflows" / "image.yaml").read_text(encoding="utf-8")
    for lock in ROOT.glob("requirements*.lock"):
        assert f"pip-audit --strict --require-hashes --disable-pip -r {lock.name}\n" in text
    scans = [step["run"].split() for step in steps(FILES[1]) if step.get("run", "").startswith("govulncheck ")]
    for module in (ROOT / "operator").rglob("go.mod"):
        programs = {name for name in PACKAGES if (name in APART) == (module.parent.name in APART)}
        (scan,) = (words for words in scans if words[2] == str(module.parent.relative_to(ROOT)))
        assert set(scan[3:]) == {PACKAGES[name] for name in programs}


def test_the_chart_and_what_is_made_of_it_are_compared() -> None:
    commands = [step.get("run", "") for step in steps(ROOT / ".github" / "workflows" / "chart.yaml")]
    assert any("scripts.deploy --check" in command for command in commands)
    assert "make verify" in commands


def test_the_chart_is_rendered_with_the_oldest_helm_of_the_page_too() -> None:
    (oldest,) = re.findall(r"Helm (3\.\d+) or newer", (ROOT / "docs" / "install.md").read_text(encoding="utf-8"))
    job = parsed(ROOT / ".github" / "workflows" / "chart.yaml")["jobs"]["chart"]
    assert job["strategy"]["matrix"]["helm"] == ["runner", f"v{oldest}.0"]


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
