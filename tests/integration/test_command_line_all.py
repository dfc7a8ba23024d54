"""Every command has a test that reads its output on the real parts: the list, and those that have no other place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import httpx
import pytest
import yaml

from integration.installation import Installation
from integration.objects import ready, scheduled
from integration.test_command_line import Shell, listed
from kronstream.cli.main import COMMANDS, main
from kronstream.cli.top import CLEAR
from kronstream.dev.controlplane import ControlPlane
from unit.terminal import Terminal

HERE = Path(__file__).parent
LINE, EVENTS, THIS = "test_command_line.py", "test_command_line_events.py", Path(__file__).name
READ = {
    **dict.fromkeys(("get", "run", "history", "show", "logs", "retry", "cancel", "pause", "resume", "backfill"), LINE),
    **dict.fromkeys(("dead-letters list", "dead-letters show", "dead-letters replay", "dead-letters drop"), LINE),
    **dict.fromkeys(("emit", "trigger"), EVENTS),
    **dict.fromkeys(("completion", "crds", "envtest", "openapi", "top", "workers", "run-handler"), THIS),
    "doctor": "test_doctor.py",
    "dev": "test_dev_session.py",
    "preview": "test_schedule_firing.py",
    "validate": "test_schedule_words.py",
    **dict.fromkeys(("operator", "router", "worker", "api"), "installation.py"),
    "runs-apiserver": "executions.py",
    "webhook": "test_admission.py",
}


@pytest.fixture
def shell(doored: Installation) -> Shell:
    return Shell(doored)


def commands() -> set[str]:
    """All of them, those of groups with the group's name before."""
    found = set()
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        inner = command.commands if isinstance(command, click.Group) else None
        found |= {f"{name} {one}" for one in inner} if inner else {name}
    return found


def test_each_command_is_on_the_list() -> None:
    assert set(READ) == commands()
    for name, file in READ.items():
        text = (HERE / file).read_text("utf-8")
        assert '"' + '", "'.join(name.split()) in text, f"{file} does not call {name}"


def test_the_crds_are_what_the_cluster_takes(controlplane: ControlPlane) -> None:
    command = [sys.executable, "-m", "kronstream.cli.main", "crds"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    said = controlplane.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=printed)

    names = sorted(crd["metadata"]["name"] for crd in yaml.safe_load_all(printed))
    assert sorted(said.splitlines()) == [
        f"customresourcedefinition.apiextensions.k8s.io/{name} serverside-applied (server dry run)" for name in names
    ]


def test_the_document_is_the_apis(doored: Installation, shell: Shell) -> None:
    served = httpx.get(doored.url().replace("/api/v1/scheduler", "/openapi.json"), trust_env=False)

    assert json.loads(shell("openapi")) == served.json()


def test_the_programs_are_where_envtest_says(shell: Shell) -> None:
    folder = Path(shell("envtest", "--print-path").strip())

    assert {"etcd", "kube-apiserver", "kubectl"} <= {file.name for file in folder.iterdir()}


def test_workers_by_redis_are_those_by_the_api(doored: Installation, shell: Shell) -> None:
    said = shell("workers", KRONSTREAM_REDIS_URL=doored.plane.redis_url).splitlines()
    told = json.loads(shell("workers", "-o", "json", KRONSTREAM_REDIS_URL=doored.plane.redis_url))

    assert said[0].split()[:3] == ["CONSUMER", "QUEUES", "FUNCTIONS"]
    assert [line.split()[0] for line in said[1:]] == shell("get", "workers", "-o", "name").split() == ["worker-1"]
    assert told[0]["functions"] == json.loads(shell("get", "workers", "-o", "json"))[0]["functions"]


def test_a_handler_is_run_here_as_the_worker_runs_it(shell: Shell, doored: Installation) -> None:
    (job,) = doored.apply(scheduled("echoes", "default", "api:echo", schedule="0 0 1 1 *", payload={"a": [1]}))
    doored.wait(job, ready)
    handlers = str(HERE / "api_handlers.py")

    here = json.loads(shell("run-handler", "api:echo", "--handlers", handlers, "--payload", '{"a": [1]}'))

    assert here == json.loads(shell("run", "echoes", "--wait", "-o", "json"))["result"]


def test_bash_completes_names_of_jobs(shell: Shell, doored: Installation) -> None:
    names = ("bash-one", "bash-two")
    doored.apply(*(scheduled(name, "default", "api:echo", every="1h") for name in names))
    listed(doored, 1, *names)
    script = (
        'source <(kronstream completion bash); COMP_WORDS=(kronstream history "bash-"); COMP_CWORD=2; '
        '_kronstream_completion kronstream; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    environ = {**shell.environ, "KRONSTREAM_SERVER": doored.url().removesuffix("/api/v1/scheduler")}
    assert shell("completion", "bash").startswith("_kronstream_completion()")

    def completed() -> list[str]:
        done = subprocess.run(
            ["bash", "-c", script], env=environ, capture_output=True, text=True, check=False, timeout=60
        )
        return sorted(done.stdout.split())

    assert completed() == ["bash-one", "bash-two"]


def test_top_shows_what_comes(shell: Shell, doored: Installation) -> None:
    server = doored.url().removesuffix("/api/v1/scheduler")
    with Terminal("top", "--every", "1s", KRONSTREAM_SERVER=server) as terminal:
        terminal.until("QUEUES")
        doored.apply(scheduled("coming", "default", "api:echo", every="1h"))
        terminal.until("\ncoming ")
        terminal.until(CLEAR)
        assert "worker-1" in terminal.until("DUE SOON")
        terminal.press("\x03")
        code, rest = terminal.end()

    assert code == 0
    assert "Traceback" not in rest
