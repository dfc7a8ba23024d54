"""Which Redis server is taken, and what a person is told when there is none."""

from pathlib import Path

import pytest

from kronstream.dev.errors import DevError
from kronstream.dev.redisserver import find_redis, major_version


@pytest.mark.parametrize(
    ("said", "major"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0", 7),
        ("Valkey server v=8.1.0 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", 8),
        ("nonsense", None),
    ],
)
def test_the_version_of_a_server(tmp_path: Path, said: str, major: int | None) -> None:
    server = tmp_path / "redis-server"
    server.write_text(f"#!/bin/sh\necho '{said}'\n")
    server.chmod(0o755)

    assert major_version(server) == major


def test_a_redis_that_is_too_old_or_missing_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DevError, match="apt-get install redis-server"):
        find_redis({"PATH": str(tmp_path)})

    (tmp_path / "redis-server").write_text("#!/bin/sh\necho Redis server v=6.0.16\n")
    (tmp_path / "redis-server").chmod(0o755)
    with pytest.raises(DevError, match="redis-server is version 6"):
        find_redis({"PATH": str(tmp_path)})


def test_the_other_server_is_taken_when_the_first_is_too_old(tmp_path: Path) -> None:
    for name, version in (("redis-server", "6.2.0"), ("valkey-server", "8.0.1")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho Server v={version}\n")
        (tmp_path / name).chmod(0o755)

    assert find_redis({"PATH": str(tmp_path)}) == tmp_path / "valkey-server"
