"""What a person is told when the control plane cannot be built."""

import io
from pathlib import Path

import pytest

from kronstream.dev.binaries import ensure
from kronstream.dev.errors import DevError
from kronstream.dev.progress import Progress


def go(folder: Path, script: str) -> dict[str, str]:
    """An environment whose `go` is a shell script, and whose cache is empty."""
    folder.mkdir()
    tool = folder / "go"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "KRONSTREAM_CACHE": str(folder / "cache"), "HOME": str(folder)}


def test_without_go(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path), "KRONSTREAM_CACHE": str(tmp_path / "cache")}

    with pytest.raises(DevError, match=r"Install Go 1\.\d+ or newer from https://go.dev/dl/"):
        ensure(["etcd"], environ, Progress(io.StringIO()))


def test_with_a_go_that_is_too_old(tmp_path: Path) -> None:
    environ = go(
        tmp_path / "old", "echo 'go.mod requires go >= 1.26.0 (running go 1.22; GOTOOLCHAIN=local)' >&2; exit 1"
    )

    with pytest.raises(DevError, match=r"needs Go 1\.26 or newer: .*running go 1\.22"):
        ensure(["etcd"], environ, Progress(io.StringIO()))


def test_a_failing_build_shows_the_end_of_what_go_said(tmp_path: Path) -> None:
    environ = go(tmp_path / "go", '[ "$1" = version ] && exit 0; echo "dial tcp: no such host" >&2; exit 1')

    with pytest.raises(DevError, match=r"building etcd .* failed(.|\n)*no such host(.|\n)*GOPROXY"):
        ensure(["etcd"], environ, Progress(io.StringIO()))

    assert not list((tmp_path / "go" / "cache").rglob(".build-*"))


def test_a_build_that_brings_a_broken_program_is_not_installed(tmp_path: Path) -> None:
    script = """[ "$1" = build ] || exit $([ "$1" = version ]; echo $?)
while [ "$1" != -o ]; do shift; done; printf '#!/bin/sh\\nexit 3\\n' > "$2" """
    environ = go(tmp_path / "go", script)

    with pytest.raises(DevError, match="does not run here"):
        ensure(["etcd"], environ, Progress(io.StringIO()))


def test_what_was_built_is_found_the_next_time(tmp_path: Path) -> None:
    script = """[ "$1" = build ] || exit $([ "$1" = version ]; echo $?)
while [ "$1" != -o ]; do shift; done; printf '#!/bin/sh\\nexit 0\\n' > "$2"; chmod +x "$2" """
    environ = go(tmp_path / "go", script)
    said = io.StringIO()

    first = ensure(["etcd"], environ, Progress(said))
    assert "building etcd" in said.getvalue()
    (tmp_path / "go" / "go").unlink()

    assert ensure(["etcd"], environ, Progress(said)) == first
