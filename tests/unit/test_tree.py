"""The tree is as ARCHITECTURE.md says, and keeps its own rules."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "operator" / "kronstream"
LONGEST = 330


def tracked(*patterns: str) -> list[Path]:
    found = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in found.stdout.splitlines() if (ROOT / line).exists()]


def test_the_source_root_is_no_package() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists(), "it would shadow the standard library's operator"
    assert [path.name for path in (ROOT / "operator").iterdir() if path.is_dir()] == ["kronstream"]


def test_every_room_is_in_the_architecture() -> None:
    table = (ROOT / "ARCHITECTURE.md").read_text().split("## How a run travels")[0]
    told = {
        name.rstrip("/")
        for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", row)
    }
    there = {
        path.name
        for path in SOURCE.iterdir()
        if not path.name.startswith(("__", "_manifests")) and path.name != "py.typed"
    }
    assert there - told == {"handlers.py"}, "rooms that ARCHITECTURE.md does not tell"
    assert told <= there, "rooms that are not there"


def test_every_key_is_in_the_architecture() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    scripts = "".join(path.read_text() for path in (SOURCE / "streams" / "lua").glob("*.lua"))
    names = set(re.findall(r"P \.\. '([a-z]+):?'", scripts))
    assert names, "the scripts name no key"
    assert {name for name in names if f"P {name}" not in page} == set()


@pytest.mark.parametrize("path", tracked("operator/**/*.py"), ids=lambda path: path.name)
def test_files_are_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


def test_no_vague_names() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert [path for path in tracked("*.py") if path.stem in vague] == []


def test_the_readme_opens_with_the_two_commands() -> None:
    top = (ROOT / "README.md").read_text()[:2500]
    assert "make demo" in top
    assert "make test" in top


def test_lock_files_keep_hashes_and_no_addresses() -> None:
    for path in tracked("requirements*.lock", "benchmarks/*.lock"):
        text = path.read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text
