"""A kubeconfig that cannot be used costs a line, not a traceback, in whatever needs the cluster."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

NO_CONTEXT = "apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n"


@pytest.mark.parametrize(("role", "content"), [("operator", NO_CONTEXT), ("api", "apiVersion: [")])
def test_it_is_told_in_a_line(role: str, content: str, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(content)
    environ = {**os.environ, "KUBECONFIG": str(config), "KRONSTREAM_LOG_FORMAT": "text"}
    environ |= {"KRONSTREAM_REDIS_URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run(
        [sys.executable, "-m", "kronstream.cli.main", role], env=environ, capture_output=True, text=True, check=False
    )
    said = (done.stdout + done.stderr).splitlines()
    assert done.returncode == 1
    (line,) = [line for line in said if "ERROR" in line]
    assert "ends: the cluster cannot be used: " in line
    assert line.endswith("; set KUBECONFIG to a file with a current context")
    assert len(said) <= 2, said
