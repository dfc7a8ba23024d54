"""How the command line reaches the API: calls, faults in a line, exit codes, tokens."""

import json
import os
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from eventually import eventually, gone
from kronstream.api.gate import BASE as SERVED
from kronstream.cli.client.connection import BASE, Api, Target
from kronstream.cli.client.credentials import user_token
from kronstream.cli.client.door import target_of
from kronstream.cli.client.exits import Exit, Failure
from kronstream.cli.client.kubectl import Kubectl
from kronstream.cli.main import COMMANDS, main
from kronstream.dev.loopback import free_ports
from kronstream.dev.pki import Authority
from unit.stubapi import RUN, UID, Reply, StubApi, execution, job, page, problem


@pytest.fixture
def stub() -> Iterator[StubApi]:
    """An API that has one job."""
    with StubApi({"GET /jobs/default:nightly": Reply(value=job())}) as api:
        yield api


def test_the_base_path_is_the_servers() -> None:
    assert BASE == SERVED


@pytest.mark.parametrize(
    ("reply", "code", "line"),
    [
        (problem(404, "there is no such job"), 3, "nightly: there is no such job"),
        (problem(403, "anna lacks the right: get x"), 5, "nightly: anna lacks the right: get x"),
        (problem(409, "it cannot be done now"), 1, "nightly: it cannot be done now"),
        (
            problem(401, "write a header"),
            5,
            "nightly: write a header; write --token-file FILE, or --as-account NAMESPACE/NAME",
        ),
        (problem(503, "Redis is away; try again", Retry_After="0"), 4, "nightly: Redis is away; try again"),
        (problem(400, "x", ("until", "until: is past; write another")), 1, "nightly: --until: is past; write another"),
        (problem(409, "two\nlines \x1b[31mred"), 1, "nightly: two lines  [31mred"),
    ],
)  # fmt: skip
def test_a_fault_is_a_line_and_an_exit_code(stub: StubApi, reply: Reply, code: int, line: str) -> None:
    stub.replies["GET /jobs/default:nightly"] = reply

    answer = stub.call("get", "job", "nightly")

    assert (answer.exit_code, answer.stderr, answer.stdout) == (code, f"Error: {line}\n", "")


def test_what_is_no_api_is_said_to_be_none(stub: StubApi) -> None:
    stub.replies["GET /jobs/default:nightly"] = Reply(502, "<html>Bad Gateway</html>")

    answer = stub.call("get", "job", "nightly")

    assert answer.exit_code == Exit.UNREACHABLE
    assert (
        answer.stderr
        == f"Error: {stub.url}{BASE} answered 502 Bad Gateway, and not as the API does; is --server right?\n"
    )


def test_nobody_listens() -> None:
    (port,) = free_ports(1)

    answer = CliRunner().invoke(main, ["get", "jobs", "--server", f"http://127.0.0.1:{port}"])

    assert answer.exit_code == Exit.UNREACHABLE
    assert answer.stderr == (
        f"Error: no answer from http://127.0.0.1:{port}{BASE} (ConnectionRefusedError: Connection refused); "
        "is it running, and --server (KRONSTREAM_SERVER) right?\n"
    )


def test_what_is_away_for_a_moment_is_asked_again_with_the_same_key(stub: StubApi) -> None:
    pauses: list[float] = []
    stub.replies["POST /x"] = [
        problem(503, "away", Retry_After="3"),
        problem(429, "too many", Retry_After="900"),
        Reply(0),
        Reply(201, {"done": True}),
    ]
    api = Api(Target("http", "127.0.0.1", stub.port), pause=pauses.append)

    assert api.post("/x", {"a": 1}) == {"done": True}

    api.close()
    assert pauses == [3, 5]
    assert len(stub.asked) == 4
    assert len({asked.headers["idempotency-key"] for asked in stub.asked}) == 1
    assert all(asked.body == {"a": 1} for asked in stub.asked)


def test_a_token_is_sent_and_told_nobody(stub: StubApi, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret\n")

    answer = stub.call("get", "job", "nightly", "--token-file", str(file))

    assert answer.exit_code == 0
    assert stub.asked[0].headers["authorization"] == "Bearer s3cret"
    assert "s3cret" not in answer.output
    file.write_text("two words\n")
    refused = stub.call("get", "job", "nightly", "--token-file", str(file))
    assert refused.exit_code == 2
    assert "words" not in refused.output
    assert f"--token-file {file} holds no token" in refused.stderr


def test_a_token_does_not_go_over_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRONSTREAM_TOKEN", "s3cret")

    answer = CliRunner().invoke(main, ["get", "jobs", "--server", "http://scheduler.example"])

    assert answer.exit_code == 2
    assert answer.stderr == (
        "Error: --server http://scheduler.example: a token does not go over plain HTTP; write https://\n"
    )


@pytest.mark.parametrize(
    "server", ["localhost:3051", "ftp://x", "http://", "http://u:p@h", "http://h:x", "http://h/?a=1"]
)
def test_a_server_that_is_none(server: str) -> None:
    answer = CliRunner().invoke(main, ["get", "jobs", "--server", server])

    assert answer.exit_code == 2
    assert "write one like http://127.0.0.1:3051" in answer.stderr


def test_a_servers_parts() -> None:
    assert target_of("https://a.example/kron/", None) == Target("https", "a.example", 443, "/kron")
    assert target_of("http://[::1]:3051", None).url == f"http://[::1]:3051{BASE}"


def test_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("api", "api", server=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with StubApi({"GET /jobs/default:nightly": Reply(value=job())}, tls=context) as stub:
        trusted = stub.call("get", "job", "nightly", "-o", "name", "--ca-file", str(authority.pair.certificate))
        refused = stub.call("get", "job", "nightly")
        nothing = stub.call("get", "job", "nightly", "--ca-file", str(tmp_path / "none"))
        # through a forwarded port the certificate is that of the Service's name, which this one does not have
        other = Api(Target("https", "127.0.0.1", stub.port, ca_file=str(authority.pair.certificate), host="a.b.svc"))
        with pytest.raises(Failure, match=r"a\.b\.svc") as caught:
            other.get("/jobs/default:nightly")

    assert (trusted.exit_code, trusted.stdout) == (0, "default/nightly\n")
    assert refused.exit_code == Exit.UNREACHABLE
    assert "certificate verify failed" in refused.stderr
    assert "--ca-file" in refused.stderr
    assert (nothing.exit_code, "No such file" in nothing.stderr) == (2, True)
    assert caught.value.exit_code == Exit.UNREACHABLE
    assert len(stub.asked) == 1


def test_rows_come_page_by_page_and_each_once(stub: StubApi) -> None:
    rows = [{"id": number} for number in range(700)]
    stub.replies["GET /rows?limit=500&offset=0"] = page(*rows[:500], total=700)
    # one came before them meanwhile: the page begins with a row that is known
    stub.replies["GET /rows?limit=300&offset=500"] = page(*rows[499:], total=701)
    api = Api(Target("http", "127.0.0.1", stub.port))

    found, total = api.rows("/rows", limit=800)

    api.close()
    assert (found, total) == (rows, 701)


FAKE = """#!{python}
import json, os, sys, time
args = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(json.dumps(args) + "\\n")
if "view" in args:
    print(open({view!r}).read())
elif "token" in args:
    print("token-of-an-account")
elif "port-forward" in args:
    if {broken!r}:
        sys.exit({broken!r})
    open({log!r} + ".pid", "w").write(str(os.getpid()))
    print("Forwarding from 127.0.0.1:{port} -> 3051", flush=True)
    time.sleep(60)
"""


def kubectl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: dict[str, object], port: int, broken: str = ""
) -> Path:
    """A kubectl whose kubeconfig has a user; the file in which it notes its calls."""
    view, log, program = tmp_path / "view.json", tmp_path / "log", tmp_path / "kubectl"
    context = {"name": "c", "context": {"namespace": "team-a"}}
    view.write_text(json.dumps({"contexts": [context], "users": [{"name": "u", "user": user}]}))
    program.write_text(FAKE.format(python=sys.executable, log=str(log), view=str(view), port=port, broken=broken))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("KRONSTREAM_KUBECTL", str(program))
    monkeypatch.delenv("KRONSTREAM_SERVER", raising=False)
    return log


def test_through_kubectl_with_the_users_token(stub: StubApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.replies["GET /jobs?namespace=team-a&limit=500&offset=0"] = page(job())
    log = kubectl(tmp_path, monkeypatch, {"token": "s3cret"}, stub.port)

    answer = CliRunner().invoke(main, ["get", "jobs", "-o", "name", "--context", "c"])

    assert (answer.exit_code, answer.stdout) == (0, "default/nightly\n")
    assert stub.asked[0].headers["authorization"] == "Bearer s3cret"
    assert [json.loads(line) for line in log.read_text().splitlines()] == [
        ["--context=c", "config", "view", "--minify", "--raw", "--output=json"],
        [
            "--context=c", "port-forward", "service/kronstream-api", ":3051", "--namespace=kronstream-system",
            "--address=127.0.0.1",
        ],
    ]  # fmt: skip


def test_a_certificate_alone_is_not_enough(stub: StubApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.replies["GET /jobs?namespace=team-a&limit=500&offset=0"] = page(job())
    log = kubectl(tmp_path, monkeypatch, {"client-certificate-data": "x"}, stub.port)

    refused = CliRunner().invoke(main, ["get", "jobs"])
    allowed = CliRunner().invoke(main, ["get", "jobs", "--as-account", "viewer"])

    assert refused.exit_code == Exit.DENIED
    assert "write --as-account NAMESPACE/NAME" in refused.stderr
    assert allowed.exit_code == 0
    assert stub.asked[0].headers["authorization"] == "Bearer token-of-an-account"
    assert '["create", "token", "viewer", "--namespace=team-a", "--duration=15m"]' in log.read_text()


def test_a_service_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = 'Error from server (NotFound): services "kronstream-api" not found'
    kubectl(tmp_path, monkeypatch, {"token": "t"}, 1, said)

    answer = CliRunner().invoke(main, ["get", "jobs"])

    assert answer.exit_code == Exit.UNREACHABLE
    assert said in answer.stderr
    assert "or write --server url" in answer.stderr.lower()


def test_no_kubectl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRONSTREAM_KUBECTL", "/nowhere/kubectl")
    monkeypatch.delenv("KRONSTREAM_SERVER", raising=False)

    answer = CliRunner().invoke(main, ["get", "jobs"])

    assert (answer.exit_code, answer.stderr) == (
        4,
        "Error: kubectl is not on PATH; install it, or write --server URL\n",
    )


def test_the_forwarding_ends_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubectl(tmp_path, monkeypatch, {}, 4_321)
    made: list[subprocess.Popen[str]] = []
    popen = subprocess.Popen

    def noted(*arguments: object, **options: object) -> "subprocess.Popen[str]":
        made.append(popen(*arguments, **options))  # type: ignore[call-overload]
        return made[-1]

    monkeypatch.setattr(subprocess, "Popen", noted)
    with Kubectl().forwarded("a", "b", 3051) as port:
        assert port == 4_321
        assert made[0].poll() is None
    assert made[0].poll() is not None


def test_the_forwarding_ends_even_with_a_command_that_is_killed(
    stub: StubApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = kubectl(tmp_path, monkeypatch, {"token": "t"}, stub.port)
    stub.replies[f"GET /executions/{RUN}"] = Reply(value=execution(status="running"))
    following = subprocess.Popen([sys.executable, "-m", "kronstream.cli.main", "logs", "-f", RUN], env=os.environ)
    eventually(lambda: stub.asked, 30)
    pid = int(Path(f"{log}.pid").read_text())
    assert not gone(pid)

    following.kill()
    following.wait(10)

    eventually(lambda: gone(pid))


def plugin(tmp_path: Path, answer: str) -> dict[str, object]:
    """A user whose credential plugin notes what it was told and answers."""
    keep = f"open({str(tmp_path / 'info')!r}, 'w').write(os.environ['KUBERNETES_EXEC_INFO'])"
    script = f"import os; {keep}; print({answer!r})"
    environ = [{"name": "A", "value": "b"}]
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": ["-c", script],
                     "env": environ, "provideClusterInfo": True}}  # fmt: skip


def test_a_credential_plugin(tmp_path: Path) -> None:
    user = plugin(tmp_path, json.dumps({"kind": "ExecCredential", "status": {"token": "from-a-plugin"}}))

    found = user_token({"users": [{"user": user}], "clusters": [{"cluster": {"server": "https://x"}}]})

    assert found == "from-a-plugin"
    info = json.loads((tmp_path / "info").read_text())
    assert (info["kind"], info["apiVersion"]) == ("ExecCredential", "client.authentication.k8s.io/v1")
    assert info["spec"]["cluster"] == {"server": "https://x"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [("nonsense", "did not answer with an ExecCredential"), ('{"status": {}}', "and no token")],
)
def test_a_credential_plugin_that_gives_no_token(tmp_path: Path, answer: str, said: str) -> None:
    with pytest.raises(Failure, match=said) as caught:
        user_token({"users": [{"user": plugin(tmp_path, answer)}]})
    assert caught.value.exit_code == Exit.DENIED


def test_a_token_file_and_a_user_with_nothing(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("in-a-file")
    assert user_token({"users": [{"user": {"tokenFile": str(tmp_path / "t"), "token": "older"}}]}) == "in-a-file"
    assert user_token({"users": [{"user": {}}]}) == ""


THROUGH = ("get", "run", "history", "show", "logs", "retry", "cancel", "pause", "resume", "backfill")


@pytest.mark.parametrize("name", THROUGH)
def test_help_tells_the_exit_codes(name: str) -> None:
    said = " ".join(CliRunner().invoke(main, [name, "--help"]).output.split())

    assert "Exit codes: 0 it was done" in said
    assert "KRONSTREAM_SERVER" in said


def test_no_command_of_them_imports_anything_heavy() -> None:
    heavy = ("kopf", "kubernetes", "redis", "rich", "pydantic", "yaml", "cryptography", "aiohttp", "asyncio", "ssl")
    modules = sorted({COMMANDS[name].module for name in (*THROUGH, "dead-letters", "completion")})
    script = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
        f"print(*({set(heavy)!r} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)

    assert done.stdout.strip() == ""


def test_a_run_is_not_a_job(stub: StubApi) -> None:
    assert "is a run, and a job is meant" in stub.call("history", RUN).stderr
    assert "is not the id of a run" in stub.call("show", "nightly").stderr
    assert "names no job" in stub.call("pause", "a/b/c").stderr
    assert stub.asked == []
    stub.replies[f"GET /jobs/{UID}"] = Reply(value=job())
    assert stub.call("get", "jobs", UID, "-o", "name").stdout == "default/nightly\n"
    assert execution()["id"] == RUN
