"""The examples of docs/command-line.md, run by bash on the real parts; its table of exit codes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from integration.installation import Installation
from integration.objects import ready, scheduled
from integration.test_command_line import Shell
from kronstream.cli.client.exits import Exit

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text("utf-8")
EXAMPLES = {
    heading: re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for heading, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}
SHOWN = [(heading, example) for heading, examples in EXAMPLES.items() for example in examples]


@pytest.fixture
def shell(doored: Installation) -> Shell:
    """With the jobs that the page speaks of, and two dead letters."""
    jobs = [
        scheduled("nightly", "default", "cleanup:old_traces", schedule="0 2 * * *", payload={"retention_days": 30}),
        scheduled("slow", "default", "api:sleep", schedule="0 0 1 1 *", payload={"seconds": 600}),
    ]
    for job in doored.apply(*jobs):
        doored.wait(job, ready)
    return Shell(doored)


@pytest.mark.parametrize(("heading", "example"), SHOWN, ids=[heading for heading, _ in SHOWN])
def test_an_example(doored: Installation, shell: Shell, heading: str, example: str) -> None:
    run = shell("run", "nightly", "--wait").strip()
    letter = {"kind": "run", "run": run, "reason": "too_many_deliveries", "namespace": "default", "name": "nightly"}
    letters = [f"run-{doored.redis.xadd(doored.keys.dead, letter)}" for _ in range(2)]
    environ = {
        **shell.environ, "KRONSTREAM_SERVER": doored.url().removesuffix("/api/v1/scheduler"),
        "KUBECONFIG": str(doored.plane.kubeconfig), "KRONSTREAM_REDIS_URL": doored.plane.redis_url,
        "LETTER": letters[0], "OTHER": letters[1],
    }  # fmt: skip

    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-x", "-c", example], env=environ, capture_output=True, text=True,
        check=False, timeout=150,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    for name in letters:
        shell("dead-letters", "drop", name, "--yes", code=3 if heading == "Dead letters" else 0)


def test_every_exit_code_is_on_the_page() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)}

    assert told == set(Exit)
    assert len(SHOWN) == 9
