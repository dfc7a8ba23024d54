"""The cache of control-plane programs notices what is broken."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eventually import eventually
from kronstream.dev.binaries import answers, find
from kronstream.dev.cache import Cache, cache_root
from kronstream.dev.errors import BinariesMissingError, DevError


def program(path: Path, code: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    cache = Cache(tmp_path / "1.0")
    with cache.lock(print), cache.scratch() as scratch:
        cache.install("etcd", program(scratch / "etcd"), "test")
    return cache


def test_what_was_installed_is_sound(cache: Cache) -> None:
    assert cache.sound("etcd")
    assert cache.sound("etcd", thorough=True)


def test_a_file_without_a_stamp_does_not_count(cache: Cache) -> None:
    program(cache.path("kubectl"))

    assert not cache.sound("kubectl")


def test_a_truncated_file_is_found(cache: Cache) -> None:
    cache.path("etcd").write_bytes(b"#!/bin")

    assert not cache.sound("etcd")


def test_a_changed_file_of_the_same_size_is_found(cache: Cache) -> None:
    was = cache.path("etcd").stat()
    cache.path("etcd").write_bytes(b"x" * was.st_size)
    # written within a tick of the kernel's clock it could have the same time
    os.utime(cache.path("etcd"), ns=(0, was.st_mtime_ns + 1))

    assert not cache.sound("etcd")


def test_a_file_that_was_only_touched_is_sound(cache: Cache) -> None:
    cache.path("etcd").touch()

    assert cache.sound("etcd")


def test_a_file_that_cannot_be_executed_is_found(cache: Cache) -> None:
    cache.path("etcd").chmod(0o644)

    assert not cache.sound("etcd")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"etcd": 3}'])
def test_a_broken_stamp_counts_as_none(cache: Cache, content: str) -> None:
    (cache.folder / "stamp.json").write_text(content)

    assert not cache.sound("etcd")


def test_what_an_interrupted_builder_left_is_removed(cache: Cache) -> None:
    program(cache.folder / ".build-1" / "kube-apiserver")

    with cache.lock(print), cache.scratch():
        pass

    assert not list(cache.folder.glob(".build-*"))


def test_a_second_builder_waits_and_says_so(cache: Cache) -> None:
    script = "import sys,pathlib,kronstream.dev.cache as c\nwith c.Cache(pathlib.Path(sys.argv[1])).lock(print): pass"
    said = cache.folder / "said"

    with cache.lock(print), said.open("w") as output:
        second = subprocess.Popen([sys.executable, "-uc", script, str(cache.folder)], stdout=output)
        eventually(lambda: "waiting for it" in said.read_text())
        assert second.poll() is None

    assert second.wait(10) == 0


def test_a_cache_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DevError, match="KRONSTREAM_CACHE"), Cache(tmp_path / "file" / "1.0").lock(print):
        pass


def test_where_the_cache_is(tmp_path: Path) -> None:
    assert cache_root({"KRONSTREAM_CACHE": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a")
    assert cache_root({"XDG_CACHE_HOME": "/b"}) == Path("/b/kronstream")
    assert cache_root({}) == Path.home() / ".cache" / "kronstream"


def test_assets_go_before_the_cache(tmp_path: Path) -> None:
    asset = program(tmp_path / "assets" / "etcd")

    found = find(["etcd"], {"KUBEBUILDER_ASSETS": str(asset.parent), "KRONSTREAM_CACHE": str(tmp_path)})

    assert found.path("etcd") == asset


def test_what_is_missing_is_named_with_what_to_do(tmp_path: Path) -> None:
    assets = program(tmp_path / "assets" / "etcd", code=1).parent  # there, but broken

    with pytest.raises(BinariesMissingError, match=r"etcd, kubectl: missing or broken(.|\n)*make envtest"):
        find(["etcd", "kubectl"], {"KUBEBUILDER_ASSETS": str(assets), "KRONSTREAM_CACHE": str(tmp_path)})


def test_a_program_that_fails_does_not_answer(tmp_path: Path) -> None:
    assert answers(program(tmp_path / "good"))
    assert not answers(program(tmp_path / "bad", code=1))
    assert not answers(tmp_path / "absent")


def test_a_program_of_another_version_does_not_count(cache: Cache) -> None:
    with cache.lock(print), cache.scratch() as scratch:
        cache.install("helm", program(scratch / "helm"), "test", "v4.3.1")

    assert cache.sound("helm", "v4.3.1")
    assert not cache.sound("helm", "v4.4.0")
    assert not cache.sound("helm")
