"""Tasks of the Makefile that pages name: make takes them as they stand there, and the image's reach the builder."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from benchmarks.__main__ import ALL

from unit.docpage import ROOT
from unit.pagecommands import MAKE, claimed

COMMANDS = sorted({command.text for command in claimed(MAKE) if command.kind == "inline"})
IMAGES = [line for command in claimed(MAKE) if command.kind == "sh" for line in command.text.splitlines()]
# a builder that writes down what it is asked to do
BUILDER = '#!/bin/sh\n[ "$1" = info ] || printf "%s\\n" "$*" >>"$BUILT"\n'


@pytest.mark.parametrize("text", COMMANDS)
def test_make_knows_what_to_do(text: str) -> None:
    done = subprocess.run(["make", "-n", *shlex.split(text)[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    if found := re.search(r'BENCHMARKS="(.*)"', text):
        assert set(found[1].split()) <= ALL.keys()
        assert f"-m benchmarks {found[1]}" in done.stdout


@pytest.mark.parametrize("text", IMAGES)
def test_an_image_is_built_as_told(text: str, tmp_path: Path) -> None:
    docker, built = tmp_path / "docker", tmp_path / "built"
    docker.write_text(BUILDER, encoding="utf-8")
    docker.chmod(0o755)
    settings = ("IMAGE", "BASE", "PLATFORM", "ARCHIVE", "PUSH")
    plain = {name: value for name, value in os.environ.items() if name not in settings}
    environ = {**plain, "PATH": f"{tmp_path}:{os.environ['PATH']}", "BUILT": str(built)}
    archive = tmp_path / "kronstream.tar"
    typed = shlex.split(text.replace("kronstream.tar", str(archive)))
    done = subprocess.run(typed, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    build, *after = built.read_text(encoding="utf-8").splitlines()
    given = dict(word.split("=", 1) for word in typed[2:])
    assert f"--tag {given.get('IMAGE', 'kronstream:')}" in build
    for name in ("BASE", "PIP_INDEX_URL"):
        assert (f"--build-arg {name}=" in build) == (name in given)
        assert given.get(name, "") in build
    assert (f"--platform {given.get('PLATFORM')}" in build) == ("PLATFORM" in given)
    saved = [f"save --output {archive} {given.get('IMAGE', 'kronstream:')}"] if "ARCHIVE" in given else []
    pushed = [f"push {given['IMAGE']}"] if "PUSH" in given else []
    assert len(after) == len(saved + pushed)
    assert all(line.startswith(start) for line, start in zip(after, saved + pushed, strict=True))
