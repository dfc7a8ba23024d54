"""`scripts/debian.sh`: packages are installed by root, by a sudo that asks nothing, or not at all."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "debian.sh"


def call(tmp_path: Path, user: int, sudo: str, command: str) -> subprocess.CompletedProcess[str]:
    """A command of the script where `id -u` tells `user`, with this sudo and an apt-get that writes down its call."""
    said = tmp_path / "said"
    programs = {"id": f"echo {user}", "apt-get": f'echo "apt-get $*" >> {said}', "sudo": sudo}
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    for name in ("env", "bash", "true", "rm", "tee", "chmod", "printf"):
        if not (tmp_path / name).exists():
            (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    # the machine's own file is left alone
    text = f"sed 's#/usr/sbin/policy-rc.d#{tmp_path}/policy#' {SCRIPT}"
    return subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", f"source <({text}); PATH={tmp_path}; {command}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("user", "sudo"), [(0, "exit 9"), (1000, '[ "$1" = -n ] && shift && exec "$@"')])
def test_who_may_installs(tmp_path: Path, user: int, sudo: str) -> None:
    done = call(tmp_path, user, sudo, "may_install && install_package redis-server")
    assert done.returncode == 0, done.stderr
    calls = (tmp_path / "said").read_text().splitlines()
    assert calls == ["apt-get update -qq", "apt-get install -y -qq --no-install-recommends redis-server"]
    assert not (tmp_path / "policy").exists()


def test_a_sudo_that_asks_for_a_password_is_none(tmp_path: Path) -> None:
    done = call(tmp_path, 1000, "echo 'sudo: a password is required' >&2; exit 1", "may_install")
    assert done.returncode == 1
    assert done.stderr == ""
    assert not (tmp_path / "said").exists()
