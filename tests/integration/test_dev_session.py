"""`kronstream dev` as a process of its own, with stand-ins for operator and worker."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from eventually import eventually, gone

STANDIN = Path(__file__).with_name("standin.py")
START = f"""
import sys
from kronstream.dev import components
components.KRONSTREAM = (sys.executable, {str(STANDIN)!r})
from kronstream.cli.main import main
main()
"""


class Dev:
    """A running `kronstream dev` and what it says."""

    def __init__(self, folder: Path, *arguments: str, **environ: str) -> None:
        self.data = folder / "data"
        self.output = folder / "output"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START, "dev", "--data-dir", str(self.data), *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environ},
                start_new_session=True,
            )

    def said(self) -> str:
        return self.output.read_text()

    def json(self) -> dict[str, Any]:
        file = self.data / "dev.json"
        assert file.exists() or self.process.poll() is None, self.said()
        assert file.exists()
        return json.loads(file.read_text())

    def ready(self) -> dict[str, Any]:
        return eventually(self.json, within=60)

    def pid(self, name: str) -> int | None:
        return self.json()["pids"][name]


@pytest.fixture
def devs() -> Iterator[list[Dev]]:
    started: list[Dev] = []
    yield started
    for dev in started:
        dev.process.kill()
        dev.process.wait()


def test_a_session_from_start_to_sigterm(tmp_path: Path, devs: list[Dev]) -> None:
    config = tmp_path / "config"
    dev = Dev(tmp_path, "--operators", "2", "--kubeconfig", str(config), "--handlers", "my.jobs")
    devs.append(dev)

    told = dev.ready()
    pids = told["pids"]
    ours = {"runs-apiserver-1", "operator-1", "operator-2", "router-1", "router-2", "worker-1", "api-1"}
    assert set(pids) == {"etcd", "apiserver", "redis", *ours}
    assert all(psutil.pid_exists(pid) for pid in pids.values())
    assert told["api_url"].endswith("/api/v1/scheduler")
    assert told["redis_url"].startswith("redis://127.0.0.1:")
    kubectl = [told["kubectl"], f"--kubeconfig={config}", "get", "crds", "-o", "name"]
    assert "scheduledjobs.kronstream.dev" in subprocess.run(kubectl, capture_output=True, text=True, check=False).stdout
    said = eventually(lambda: dev.said() if "Ctrl-C" in dev.said() else "")
    assert re.search(rf"export KUBECONFIG={config} KRONSTREAM_SERVER=http://127\.0\.0\.1:\d+$", said, re.MULTILINE)
    eventually(lambda: "worker-1     INFO I am worker --handlers my.jobs\n" in dev.said())

    dev.process.terminate()

    assert dev.process.wait(30) == 0, dev.said()
    assert all(gone(pid) for pid in pids.values())
    assert not (dev.data / "dev.json").exists()
    ends = [line.split()[0] for line in dev.said().splitlines() if line.endswith("INFO drained")]
    assert sorted(ends) == sorted(ours)
    assert sorted(ends[:3]) == ["api-1", "router-1", "router-2"]
    assert ends.index("worker-1") < ends.index("operator-1") < ends.index("runs-apiserver-1")


def test_every_part_that_dies_comes_back(tmp_path: Path, devs: list[Dev]) -> None:
    dev = Dev(tmp_path, "--controller-manager")
    devs.append(dev)
    first = dev.ready()["pids"]

    for pid in first.values():
        os.kill(pid, signal.SIGKILL)

    for name, before in first.items():
        eventually(lambda name=name, before=before: dev.pid(name) not in {None, before}, within=30)
    told = dev.json()
    whether = [told["kubectl"], f"--kubeconfig={told['kubeconfig']}", "get", "--raw", "/readyz"]
    eventually(lambda: subprocess.run(whether, capture_output=True, text=True, check=False).stdout == "ok", within=60)


def test_a_data_folder_is_used_again_on_the_same_ports(tmp_path: Path, devs: list[Dev]) -> None:
    manifest = tmp_path / "kept.yaml"
    manifest.write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: kept}}")
    first = Dev(tmp_path, "--apply", str(manifest))
    devs.append(first)
    before = first.ready()
    first.process.send_signal(signal.SIGINT)
    assert first.process.wait(30) == 0, first.said()

    second = Dev(tmp_path, "--for", "0")
    devs.append(second)
    assert second.process.wait(180) == 0, second.said()

    third = Dev(tmp_path)
    devs.append(third)
    after = third.ready()
    assert after["redis_url"] == before["redis_url"]
    get = [after["kubectl"], f"--kubeconfig={after['kubeconfig']}", "get", "configmap", "kept", "-o", "name"]
    assert subprocess.run(get, capture_output=True, text=True, check=False).stdout == "configmap/kept\n"


def test_nothing_survives_a_kill(tmp_path: Path, devs: list[Dev]) -> None:
    dev = Dev(tmp_path)
    devs.append(dev)
    pids = dev.ready()["pids"]

    dev.process.kill()
    dev.process.wait()

    eventually(lambda: all(gone(pid) for pid in pids.values()))


def test_who_asks_twice_does_not_wait_for_a_stubborn_worker(tmp_path: Path, devs: list[Dev]) -> None:
    dev = Dev(tmp_path, "--operators", "0", STANDIN="stubborn")
    devs.append(dev)
    dev.ready()

    dev.process.send_signal(signal.SIGINT)
    eventually(lambda: "stopping" in dev.said())
    dev.process.send_signal(signal.SIGINT)

    # what is not asked twice waits 15 s for it
    eventually(lambda: "worker-1: killed" in dev.said(), within=5)
    assert dev.process.wait(60) == 0, dev.said()


def test_a_component_that_cannot_start_is_a_failure_with_its_log(tmp_path: Path, devs: list[Dev]) -> None:
    dev = Dev(tmp_path, "--operators", "0", STANDIN="broken")
    devs.append(dev)

    assert dev.process.wait(180) == 1
    assert re.search("Error: (api|worker|runs-apiserver)-1 ended 3 times before it was ready", dev.said())
    assert "ERROR no module named nonsense" in dev.said()


def test_a_manifest_that_is_refused_is_a_failure_with_the_reason(tmp_path: Path, devs: list[Dev]) -> None:
    manifest = tmp_path / "bad.yaml"
    manifest.write_text("{apiVersion: kronstream.dev/v1, kind: ScheduledJob, metadata: {name: a}, spec: {every: -1s}}")
    dev = Dev(tmp_path, "--apply", str(manifest))
    devs.append(dev)

    assert dev.process.wait(180) == 1
    assert "ScheduledJob" in dev.said()
    assert "is invalid" in dev.said()
    assert "Traceback" not in dev.said()


def test_a_second_one_on_the_same_data_is_refused(tmp_path: Path, devs: list[Dev]) -> None:
    devs.append(Dev(tmp_path, "--operators", "0", "--workers", "0"))
    devs[0].ready()
    (tmp_path / "other").mkdir()
    command = [sys.executable, "-m", "kronstream.cli.main", "dev", "--data-dir", str(devs[0].data)]

    second = subprocess.run(command, capture_output=True, text=True, check=False)

    assert second.returncode == 1
    assert "is in use by another `kronstream dev`" in second.stderr
