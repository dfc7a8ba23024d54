"""The command line on the real parts: what each command prints, with and without a token, and as kubectl's plugin."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import yaml

from eventually import eventually
from integration.calls import Calls
from integration.installation import Installation
from integration.objects import RefusedError, condition, scheduled
from integration.rights import may

BIN = Path(sys.executable).parent
RUN = re.compile(r"[0-9a-f-]{36}-[smerb][0-9a-f.]+")


class Shell:
    """`kronstream` as a person calls it, of an API that lets everybody in."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.environ = {
            name: value for name, value in os.environ.items() if not name.startswith(("KRONSTREAM_", "KUBECONFIG"))
        } | {"PATH": f"{BIN}:{installation.plane.kubectl.path.parent}:/usr/bin:/bin"}

    def __call__(self, *arguments: str, code: int = 0, stdin: str | None = None, **environ: str) -> str:
        """What it prints; both streams where it is expected to end with another code."""
        environ = environ or {"KRONSTREAM_SERVER": self.installation.url().removesuffix("/api/v1/scheduler")}
        done = subprocess.run(
            ["kronstream", *arguments], env={**self.environ, **environ}, input=stdin, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr if code else done.stdout


def listed(doored: Installation, number: int, *names: str) -> None:
    """Returns once an API has some jobs in its list, with when they are due, or what holds them."""
    path = f"{doored.url(f'api-{number}')}/jobs?limit=500"
    account = "/api/v1/namespaces/kronstream-system/serviceaccounts/kronstream-operator"
    token = doored.objects.send("POST", f"{account}/token", {"spec": {"expirationSeconds": 600}})["status"]["token"]
    headers = {"Authorization": f"Bearer {token}"}

    def told() -> bool:
        rows = httpx.get(path, headers=headers, timeout=35, trust_env=False).json()
        return set(names) <= {row["resource_name"] for row in rows if row["next_run"] or row["status"] == "paused"}

    eventually(told)


@pytest.fixture
def shell(doored: Installation) -> Shell:
    return Shell(doored)


@pytest.fixture
def job(doored: Installation) -> Callable[..., str]:
    """Applies a job that waits to be run, and is in force; its name."""

    def apply(name: str, function: str, **spec: object) -> str:
        (made,) = doored.apply(scheduled(name, "default", function, **{"schedule": "0 0 1 1 *", **spec}))
        doored.wait(made, lambda found: condition(found, "Ready")["status"] == "True")
        for number in (1, 3):
            listed(doored, number, name)
        return name

    return apply


def test_a_run_and_its_history(shell: Shell, job: Callable[..., str]) -> None:
    job("echo", "api:echo", payload={"a": 1})

    run = shell("run", "echo", "--wait", "--payload", '{"b": 2}', "--merge", "--trace", "t-1").strip()
    whole = json.loads(shell("run", "default/echo", "-w", "-o", "json"))

    assert RUN.fullmatch(run)
    assert (whole["status"], whole["result"], whole["trigger"]) == ("success", {"a": 1}, "manual")
    head, newest, oldest = shell("history", "echo").splitlines()
    assert head.split()[:4] == ["ID", "STATUS", "TRIGGER", "DUE"]
    assert newest.split()[:3] == [whole["id"], "success", "manual"]
    assert oldest.split()[0] == run
    assert shell("get", "executions", "echo", "-o", "name").split() == [whole["id"], run]
    assert shell("history", "echo", "--status", "failed", code=0) == ""
    shown = shell("show", run)
    assert re.search(r"^Status: +success$", shown, re.MULTILINE)
    assert re.search(r"^Trace: +t-1$", shown, re.MULTILINE)
    assert yaml.safe_load(shell("show", run, "-o", "yaml"))["result"] == {"a": 1, "b": 2}


def test_a_run_that_fails_says_so(shell: Shell, job: Callable[..., str]) -> None:
    job("fails", "api:fail", payload="x", retry={"limit": 0})

    said = shell("run", "fails", "--wait", code=1)

    run = RUN.search(said)
    assert run is not None
    assert "no good: x" in said
    assert "no good: x" in shell("history", "fails")
    again = RUN.search(shell("retry", run.group(), "--wait", code=1))
    assert again is not None
    assert json.loads(shell("show", again.group(), "-o", "json"))["retry_of"] == run.group()
    assert shell("retry", "--job", "fails", "--dry-run") == "2 executions of fails; nothing was done (dry run)\n"


def test_output_is_followed(shell: Shell, job: Callable[..., str]) -> None:
    job("talks", "api:talk", payload={"words": "hello there"}, retry={"limit": 0})

    assert shell("run", "talks", "--follow") == "hello there\n"
    said = shell("run", "talks", "-f", "--payload", '{"words": "oh", "fail": true}', code=1)
    assert said.startswith("oh\n")
    assert "as it was told" in said
    newest, first = shell("history", "talks", "-o", "name").split()
    assert shell("logs", first) == "hello there\n"
    assert shell("logs", "-f", newest, code=1).startswith("oh\n")


def test_cancel_one_and_by_filter(shell: Shell, job: Callable[..., str]) -> None:
    job("sleeps", "api:sleep", payload={"seconds": 600}, concurrencyPolicy="Allow")
    runs = [shell("run", "sleeps").strip() for _ in range(3)]
    eventually(lambda: shell("get", "runs", "sleeps", "--status", "running", "-o", "name").split(), because="running")

    assert runs[0] in shell("cancel", runs[0], "--wait")
    counted = shell("cancel", "--job", "sleeps", "--from", "1h", "--dry-run")
    done = shell("cancel", "--job", "sleeps", "--wait")

    assert counted == "2 executions of sleeps; nothing was done (dry run)\n"
    assert done.startswith("2 executions of sleeps: operation op-")
    eventually(lambda: set(shell("history", "sleeps", "--status", "cancelled", "-o", "name").split()) == set(runs))
    assert "409" not in (over := shell("cancel", runs[0], code=1))
    assert runs[0] in over


def test_pause_and_resume(shell: Shell, job: Callable[..., str]) -> None:
    job("held", "api:echo")

    assert shell("pause", "held", "--reason", "moving", "--until", "2h").startswith("held paused until 20")
    (row,) = json.loads(shell("get", "jobs", "--status", "paused", "-o", "json"))
    assert (row["resource_name"], row["paused"]["reason"]) == ("held", "moving")
    assert shell("resume", "held", "default/held") == "held resumed\ndefault/held resumed\n"
    assert json.loads(shell("get", "job", "held", "-o", "json"))["status"] == "active"
    assert shell("pause", "--queue", "slow") == "queue slow paused\n"
    assert re.search(r"^slow +paused", shell("get", "queues"), re.MULTILINE)
    assert shell("resume", "--queue", "slow") == "queue slow resumed\n"


def test_lists(shell: Shell, job: Callable[..., str]) -> None:
    job("listed", "api:echo", tags=["shown"])

    head, row = shell("get", "jobs", "--tag", "shown").splitlines()
    assert head.split() == ["NAME", "SCHEDULE", "STATUS", "NEXT", "LAST", "OK", "FAILED"]
    assert re.match(r"listed +0 0 1 1 \* +active +in \d+d", row)
    assert re.search(r"^NAMESPACE +NAME.* +ZONE", shell("get", "jobs", "-A", "-o", "wide"))
    assert shell("get", "jobs", "-A", "--tag", "shown", "-o", "name") == "default/listed\n"
    assert "worker-1" in shell("get", "workers")
    assert shell("get", "workers", "-o", "name") == "worker-1\n"
    assert re.search(r"^default +active +\d+ +\d+", shell("get", "queues"), re.MULTILINE)
    assert shell("get", "handlers", "-n", "team-a", "-o", "json") == "[]\n"


def test_backfill(shell: Shell, job: Callable[..., str]) -> None:
    job("filled", "api:echo", schedule="0 * * * *", suspend=True)
    end = datetime.now(UTC).replace(minute=30) - timedelta(days=1)
    window = ("--from", (end - timedelta(hours=3)).isoformat(), "--to", end.isoformat())

    plan = shell("backfill", "filled", *window, "--dry-run").split()
    done = shell("backfill", "filled", *window, "--wait", "--timeout", "50s")

    assert len(plan) == 3
    assert done.strip().isalnum()
    runs = json.loads(shell("history", "filled", "-o", "json"))
    assert sorted(run["scheduled_at"] for run in runs) == plan
    assert {(run["trigger"], run["status"]) for run in runs} == {("backfill", "success")}


def test_dead_letters(doored: Installation, shell: Shell, job: Callable[..., str]) -> None:
    job("buried", "api:echo")
    run = shell("run", "buried", "--wait").strip()
    of_run = {"kind": "run", "run": run, "reason": "too_many_deliveries", "namespace": "default", "name": "buried"}
    first = f"run-{doored.redis.xadd(doored.keys.dead, of_run)}"
    second = f"run-{doored.redis.xadd(doored.keys.dead, {'kind': 'entry', 'reason': 'nonsense'})}"

    assert re.search(rf"^{first} .*default/buried", shell("dead-letters", "list", "--kind", "run"), re.MULTILINE)
    assert shell("dead-letters", "list", "-o", "name").split()[:2] == [second, first]
    assert re.search(r"^Reason: +too_many_deliveries$", shell("dead-letters", "show", first), re.MULTILINE)
    again = RUN.search(shell("dead-letters", "replay", first))
    assert again is not None
    assert shell("logs", "-f", again.group()) == ""
    assert second in shell("dead-letters", "replay", second, code=1)
    assert shell("dead-letters", "drop", second, "--yes") == f"{second} dropped\n"
    assert shell("dead-letters", "drop", second, "--yes", code=3).startswith(f"Error: {second}: ")


def test_doctor(doored: Installation, shell: Shell, job: Callable[..., str]) -> None:
    job("unserved", "api:echo", queue="nobody-serves-it")
    server = doored.url().removesuffix("/api/v1/scheduler")
    environ = {
        "KUBECONFIG": str(doored.plane.kubeconfig), "KRONSTREAM_REDIS_URL": doored.plane.redis_url,
        "KRONSTREAM_SERVER": server,
    }  # fmt: skip

    said = shell("doctor", **environ).splitlines()

    assert "ok     CRDs: scheduledjobs.kronstream.dev is in force" in said
    assert re.search(r"ok +RBAC: kronstream-system:kronstream-operator has the \d+ rights", "\n".join(said))
    for line in ("Redis: persistent by its append-only file", "Workers: 1 live, for ", f"API: {server} is ready"):
        assert any(one.startswith(f"ok     {line}") for one in said), said
    for area in ("Operators", "Routers"):
        assert any(one.startswith(f"ok     {area}: 1 live: ") for one in said), said
    assert "ok     Installation: the data in Redis belongs to this cluster" in said
    at = said.index("look   Workers: no worker serves queue nobody-serves-it")
    assert said[at + 1].strip() == "start one with `kronstream worker --queue nobody-serves-it`"
    doored.objects.send("DELETE", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/kronstream-api")
    try:
        found = json.loads(shell("doctor", "-o", "json", code=1, **environ))
    finally:
        doored.plane.install()
    assert [one["area"] for one in found if one["level"] == "wrong"] == ["RBAC"]
    (wrong,) = (one for one in found if one["level"] == "wrong")
    assert wrong["text"].startswith("kronstream-system:kronstream-api may not create scheduledjobs.kronstream.dev, ")
    away = shell("doctor", code=1, KUBECONFIG="/nowhere", KRONSTREAM_REDIS_URL="redis://:s3cret@127.0.0.1:1/0")
    assert "WRONG  Cluster: cannot be used" in away
    assert "WRONG  Redis: no answer from redis://" in away
    assert "s3cret" not in away


def test_top(shell: Shell, job: Callable[..., str]) -> None:
    job("soon", "api:echo", schedule="0 * * * *")

    said = shell("top", "--once")

    assert said.startswith("jobs: ")
    parts = [line for line in said.splitlines() if line.isupper() and "   " not in line]
    assert parts == ["QUEUES", "WORKERS", "DUE SOON", "FAILING"]
    assert re.search(r"^soon +0 \* \* \* \* +active +in \d+", said, re.MULTILINE)


def test_what_is_not_there_and_what_cannot_be(shell: Shell) -> None:
    assert shell("get", "job", "nothing", code=3).startswith("Error: nothing: there is no such job")
    assert shell("run", "a/b/c", code=2).startswith("Error: 'a/b/c' names no job; write NAMESPACE/NAME")
    assert shell("dead-letters", "show", "run-1-1", code=3).startswith("Error: run-1-1: there is no such dead letter")
    assert shell("get", "jobs", code=4, KRONSTREAM_SERVER="http://127.0.0.1:1").startswith(
        "Error: no answer from http:"
    )


KUBECTL = """#!{python}
import os, sys, time
if "port-forward" in sys.argv:
    # the control plane of the tests has no kubelet, through which it would go
    print("Forwarding from 127.0.0.1:{port} -> 3051", flush=True)
    time.sleep(600)
os.execv({kubectl!r}, [{kubectl!r}, *sys.argv[1:]])
"""


@pytest.fixture
def plugin(doored: Installation, shell: Shell, tmp_path: Path) -> Callable[..., str]:
    """`kubectl kronstream` from PATH, with a kubeconfig; the API asks for tokens."""
    program = tmp_path / "kubectl"
    port = doored.components["api-3"].port
    program.write_text(KUBECTL.format(python=sys.executable, port=port, kubectl=str(doored.plane.kubectl.path)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def call(kubeconfig: Path, *arguments: str, code: int = 0) -> str:
        environ = {**shell.environ, "KUBECONFIG": str(kubeconfig), "PATH": f"{tmp_path}:{shell.environ['PATH']}"}
        done = subprocess.run(
            ["kubectl", "kronstream", *arguments], env=environ, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return call


@pytest.fixture
def viewer(doored: Installation) -> str:
    """A service account that may view the namespace default."""
    send = doored.objects.send
    subjects = [{"kind": "ServiceAccount", "name": "viewer", "namespace": "default"}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "kronstream-view"}
    made = {"metadata": {"name": "viewer"}, "roleRef": role, "subjects": subjects}
    for path, body in (
        ("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "viewer"}}),
        ("/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", made),
    ):
        try:
            send("POST", path, body)
        except RefusedError as refused:
            if refused.status != 409:
                raise
    who = ("-n", "default", "--as", "system:serviceaccount:default:viewer")
    eventually(lambda: may(doored.plane.kubectl, "list", "scheduledjobs.kronstream.dev", *who))
    asked = {"spec": {"expirationSeconds": 3600}}
    answer = send("POST", "/api/v1/namespaces/default/serviceaccounts/viewer/token", asked)
    return str(answer["status"]["token"])


def test_a_user_with_a_token(
    doored: Installation, plugin: Callable[..., str], job: Callable[..., str], viewer: str, tmp_path: Path
) -> None:
    job("seen", "api:echo")
    config = yaml.safe_load(doored.plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": viewer}
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(config))

    assert "default/seen" in plugin(file, "get", "jobs", "-o", "name").split()
    refused = plugin(file, "run", "seen", code=5)
    assert refused.startswith(
        "Error: seen: system:serviceaccount:default:viewer lacks the right: create scheduledjobs/run"
    )
    assert viewer not in refused


def test_a_user_with_a_client_certificate(
    doored: Installation, plugin: Callable[..., str], job: Callable[..., str], viewer: str
) -> None:
    job("seen-too", "api:echo")
    file = doored.plane.kubeconfig
    assert viewer

    refused = plugin(file, "get", "jobs", code=5)
    allowed = plugin(file, "get", "jobs", "--as-account", "default/viewer", "-o", "name")

    assert "write --as-account NAMESPACE/NAME" in refused
    assert "default/seen-too" in allowed.split()
    assert "not found" in plugin(file, "get", "jobs", "--as-account", "nobody", code=4)


def test_kubectl_completes_names_of_jobs(doored: Installation, shell: Shell, job: Callable[..., str]) -> None:
    job("completed-name", "api:echo")
    server = doored.url().removesuffix("/api/v1/scheduler")
    environ = {**shell.environ, "KRONSTREAM_SERVER": server, "KUBECONFIG": str(doored.plane.kubeconfig)}

    done = subprocess.run(
        ["kubectl", "__complete", "kronstream", "run", "completed-n"], env=environ, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip

    assert done.stdout.splitlines()[:2] == ["completed-name", ":4"], done.stderr


def test_a_server_and_a_token_of_its_own(
    doored: Installation, shell: Shell, job: Callable[..., str], viewer: str
) -> None:
    job("seen-again", "api:echo")
    server = doored.url("api-3").removesuffix("/api/v1/scheduler")

    assert "Authorization" in shell("get", "jobs", code=5, KRONSTREAM_SERVER=server)
    assert "seen-again" in shell("get", "jobs", KRONSTREAM_SERVER=server, KRONSTREAM_TOKEN=viewer)
    with Calls(doored.url("api-3"), viewer) as calls:
        assert calls.get("/jobs/default:seen-again").status_code == 200
