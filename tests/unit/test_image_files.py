"""The Dockerfile, what it is built from, and the page about it."""

import fnmatch
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "images.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def instructions(text: str) -> list[tuple[str, str]]:
    """Each instruction with the rest of its lines, without comments."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def last_stage() -> list[tuple[str, str]]:
    found = instructions(DOCKERFILE)
    return found[max(index for index, (word, _) in enumerate(found) if word == "FROM") :]


def test_the_base_is_an_argument_pinned_by_digest() -> None:
    (base,) = [rest for word, rest in instructions(DOCKERFILE) if word == "ARG" and rest.startswith("BASE=")]
    assert re.fullmatch(r"BASE=[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", base)
    assert [rest.split(" ")[0] for word, rest in instructions(DOCKERFILE) if word == "FROM"] == ["${BASE}", "${BASE}"]


def test_it_runs_as_a_user_by_number_and_without_a_shell() -> None:
    stage = dict(last_stage())
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", stage["USER"])
    assert stage["ENTRYPOINT"] == '["kronstream"]'
    assert "RUN" not in stage, "nothing is run in what is kept"


def test_packages_are_what_the_locks_say() -> None:
    installed = [rest for word, rest in instructions(DOCKERFILE) if word == "RUN"]
    calls = [call for rest in installed for call in rest.split("&&") if "pip install" in call]
    assert [call for call in calls if "-r requirements" in call and "--require-hashes" not in call] == []
    assert all("--no-deps" in call for call in calls)
    for lock in ("requirements.lock", "requirements-build.lock"):
        text = (ROOT / lock).read_text(encoding="utf-8")
        assert "index-url" not in text
        assert text.count("==") <= text.count("--hash=sha256:")


def test_what_is_copied_reaches_the_builder() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    let_in = {line[1:] for line in ignore if line.startswith("!")}
    copied = {
        name
        for word, rest in instructions(DOCKERFILE)
        if word == "COPY" and not rest.startswith("--from")
        for name in rest.split()[:-1]
    }
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)
    assert any(fnmatch.fnmatch(".git", pattern) for pattern in ignore if not pattern.startswith("!"))


def test_what_the_wheel_takes_in_is_copied() -> None:
    forced = re.search(r"force-include\]\n((?:\".*\n)+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert forced
    for folder in re.findall(r'^"(\w+)"', forced[1], re.MULTILINE):
        assert f"COPY {folder} " in DOCKERFILE


SETTINGS = ("IMAGE", "BASE", "PLATFORM", "ARCHIVE", "PUSH", "BUILDER", "CONTEXT", "PIP_INDEX_URL")


@pytest.mark.parametrize("variable", SETTINGS)
def test_settings_of_the_build_reach_it(variable: str) -> None:
    (exported,) = re.findall(r"^export (.*)$", MAKEFILE, re.MULTILINE)
    assert variable in exported.split()
    assert f"${{{variable}" in (ROOT / "scripts" / "image.sh").read_text(encoding="utf-8") or variable == "IMAGE"


def test_the_page_tells_every_setting_of_the_suite() -> None:
    text = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "e2e").glob("*.py")) + MAKEFILE
    used = set(re.findall(r"\b(E2E_[A-Z_]+|HELM|KUBECTL)\b", text))
    told = set(re.findall(r"\b(E2E_[A-Z_]+|HELM|KUBECTL)\b", PAGE.partition("| variable |")[2]))
    assert told == used


def test_the_page_names_the_user_and_the_base() -> None:
    assert f"`{dict(last_stage())['USER']}`" in PAGE
    base = re.search(r"library/(python:\d\.\d+)[\d.]*(-slim)", DOCKERFILE)
    assert base
    assert f"`{base[1]}{base[2]}`" in PAGE


def test_tasks_of_the_page_exist() -> None:
    for task in re.findall(r"^make ([a-z0-9-]+)", PAGE, re.MULTILINE):
        assert f"\n{task}:" in MAKEFILE


def test_the_suite_is_no_part_of_the_tests() -> None:
    assert 'testpaths = ["tests"]' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert list((ROOT / "e2e").glob("test_*.py"))
