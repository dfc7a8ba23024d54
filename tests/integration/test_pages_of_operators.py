"""Every command of the pages for those who run kronstream, on a real API server and a real Redis."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.objects import Objects, scheduled
from kronstream.dev.controlplane import ControlPlane
from kronstream.streams.keys import Keys
from unit import docpage
from unit.pagecommands import OPERATORS, claimed

# the last page ends with the removal of everything
COMMANDS = sorted(claimed(OPERATORS), key=lambda one: ("upgrade", "admission", "operate").index(one.page))


class Shell:
    """Runs a block as an administrator would, in a folder with the manifests."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane, self.folder = plane, folder
        for name in ("deploy", "crds"):
            (folder / name).symlink_to(docpage.ROOT / name)
        programs = folder / "bin"
        programs.mkdir()
        (programs / "kubectl").symlink_to(plane.kubectl.path)
        self.environ = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "KUBECONFIG": str(plane.kubeconfig),
            "REDIS_URL": plane.redis_url,
        }

    def __call__(self, text: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text], cwd=self.folder, env=self.environ, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    with ControlPlane(controller_manager=True) as plane:
        # what only the development overlay has, from which a control plane of tests has its rights
        own = ("clusterrole,clusterrolebinding", "kronstream-worker-impersonate", "kronstream-worker")
        plane.kubectl("delete", *own)
        Objects(plane).apply(scheduled("report", every="1h"))
        yield Shell(plane, tmp_path_factory.mktemp("admin"))


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 7


@pytest.mark.timeout(400)
def test_the_commands_of_the_pages_one_after_the_other(shell: Shell) -> None:
    keys = Keys()
    shell(f"redis-cli -u $REDIS_URL set '{keys.installation}' other")
    shell(f"redis-cli -u $REDIS_URL xadd '{keys.base}' '*' a b")
    for block in COMMANDS:
        said = shell(block.text)
        if "KRONSTREAM_TAKE_OVER" in block.text:
            assert shell.plane.kubectl("get", "ns", "kube-system", "-o", "jsonpath={.metadata.uid}") in said
            set_to = shell("kubectl -n kronstream-system set env deployment/kronstream-operator -c operator --list")
            assert "KRONSTREAM_TAKE_OVER=other" in set_to
        if block.heading == "Remove" and block.page == "operate" and "scheduledjobs" not in block.text:
            assert "report" in shell("kubectl get scheduledjobs -A")
    assert shell("redis-cli -u $REDIS_URL --scan").strip() == ""
    assert "kronstream" not in shell("kubectl get crds,clusterroles,validatingwebhookconfigurations -o name")
