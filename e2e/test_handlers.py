"""The three ways in which functions get into workers: all other files use the ConfigMap, here are the other two."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.cluster import ROOT, Cluster
from e2e.objects import scheduled
from e2e.release import Release, image_values, values

from eventually import eventually

WHEEL = "e2e-wheel"


@pytest.fixture(scope="module")
def pools(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A pool whose image is built on ours, and one whose Pods install a wheel that comes, without a network, from a
    ConfigMap."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*build, str(ROOT / "e2e" / "own")], check=True)
    (wheel,) = folder.glob("*.whl")
    release.cluster.apply(config_map(wheel))
    ours = values()["image"]
    image = f"{ours['repository']}:{ours['tag']}"
    own = image_values(os.environ.get("E2E_OWN_IMAGE", f"{image}-own"))
    release.upgrade(workers=[{"name": "default"}, built_on_ours(own), installed(image, wheel.name)])
    yield
    release.upgrade(workers=[{"name": "default"}])


def config_map(wheel: Path) -> dict[str, Any]:
    data = {wheel.name: base64.b64encode(wheel.read_bytes()).decode()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": WHEEL}, "binaryData": data}


def built_on_ours(image: dict[str, str]) -> dict[str, Any]:
    pool = {"name": "own", "queues": ["own"], "image": image}
    return {**pool, "handlers": {"configMap": ""}}


def installed(image: str, wheel: str) -> dict[str, Any]:
    mount = {"name": "own-packages", "mountPath": "/own-packages"}
    install = {
        "name": "install",
        "image": image,
        "command": ["python", "-m", "pip", "install", "--no-index", "--target", "/own-packages", f"/wheel/{wheel}"],
        "volumeMounts": [mount, {"name": "wheel", "mountPath": "/wheel"}, {"name": "tmp", "mountPath": "/tmp"}],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "name": "installed",
        "queues": ["installed"],
        "handlers": {"configMap": ""},
        "initContainers": [install],
        "volumes": [{"name": "own-packages", "emptyDir": {}}, {"name": "wheel", "configMap": {"name": WHEEL}}],
        "volumeMounts": [mount],
        "env": [{"name": "PYTHONPATH", "value": "/own-packages"}],
    }


@pytest.mark.parametrize("queue", ["own", "installed"])
def test_functions_of_ones_own_are_executed(queue: str, pools: None, jobs: Cluster) -> None:
    name = f"greets-{queue}"
    jobs.apply(scheduled(name, "own:greet", every="2s", queue=queue, payload={"name": queue}))

    def greeting() -> object:
        found = jobs.items("executions", "-l", f"kronstream.dev/job={name},kronstream.dev/status=success")
        return found[0]["status"]["result"] if found else None

    assert eventually(greeting, within=60) == f"hello, {queue}"
    jobs("delete", "scheduledjob", name)
