"""The wheel alone, in an empty virtual environment elsewhere, is a working kronstream."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from eventually import eventually

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT)]
    subprocess.run([sys.executable, *command], check=True)
    (built,) = folder.glob("kronstream-*.whl")
    return built


def test_the_wheel_holds_what_is_not_python(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for wanted in (
        "kronstream/_manifests/crds/kronstream.dev_eventhandlers.yaml",
        "kronstream/_manifests/crds/kronstream.dev_scheduledjobs.yaml",
        "kronstream/_manifests/deploy/base/operator.yaml",
        "kronstream/_manifests/examples/scheduledjob.yaml",
        "kronstream/streams/lua/dispatch.lua",
        "kronstream/dev/gomod/go.sum",
        "kronstream/dev/gomod/helm/go.sum",
        "kronstream/py.typed",
    ):
        assert wanted in names
    assert not [name for name in names if name.startswith(("operator/", "tests/"))]


@pytest.mark.timeout(300)
def test_dev_works_from_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "-q", "--no-compile", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "--no-deps", "-r", str(ROOT / "requirements.lock")], check=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("KRONSTREAM_", "PYTHON"))}
    environ |= {name: os.environ[name] for name in ("KRONSTREAM_CACHE",) if name in os.environ}
    data = tmp_path / "data"
    command = [str(venv / "bin" / "kronstream"), "dev", "--demo", "--data-dir", str(data), "--for", "8"]
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True) as session:
        eventually((data / "dev.json").exists, within=120)
        pids = json.loads((data / "dev.json").read_text())["pids"]
        said, _ = session.communicate(timeout=90)
    assert session.returncode == 0, said
    assert {"operator-1", "worker-1", "redis", "etcd", "apiserver"} <= set(pids)
    assert "runs succeeded" in said
