"""Faults that people make on the command line, and what they are told: a kubeconfig, a scheme, a name."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from kronstream.cli.client.exits import Exit
from kronstream.cli.main import main
from unit.stubapi import StubApi, job, page, problem


@pytest.fixture
def stub() -> Iterator[StubApi]:
    with StubApi() as api:
        yield api


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        ("error: current-context must exist in order to minify", 4, "set KUBECONFIG, or write --context NAME, or"),
        ("error: cannot locate context nope", 2, "--context nope: the kubeconfig at here has no such context"),
    ],
)
def test_a_kubeconfig_that_does_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, code: int, told: str
) -> None:
    program = tmp_path / "kubectl"
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("KRONSTREAM_KUBECTL", str(program))
    monkeypatch.setenv("KUBECONFIG", "here")
    monkeypatch.delenv("KRONSTREAM_SERVER", raising=False)

    answer = CliRunner().invoke(main, ["get", "jobs"])

    assert answer.exit_code == code
    assert told in answer.stderr
    assert "minify" not in answer.stderr


def test_plain_http_is_told_to_who_writes_https(stub: StubApi) -> None:
    answer = CliRunner().invoke(main, ["get", "jobs", "--server", stub.url.replace("http", "https")])

    assert (answer.exit_code, "does not speak TLS" in answer.stderr) == (4, True)


def near(stub: StubApi, *words: str) -> str:
    """What is said of a job that is not there; the namespace has three, another one has one."""
    stub.replies |= {
        "GET /jobs?namespace=default&limit=500&offset=0": page(job("nightly"), job("hourly"), job("hello")),
        "GET /jobs?namespace=%2A&limit=500&offset=0": page(job("nightly"), job("weekly", namespace="team")),
        "GET /jobs?namespace=empty&limit=500&offset=0": page(),
    }
    for path in ("default:nightli", "default:zzz", "default:weekly", "empty:zzz"):
        for method, rest in (("POST", "/run"), ("GET", ""), ("GET", "/executions?limit=20&offset=0")):
            stub.replies[f"{method} /jobs/{path}{rest}"] = problem(404, "there is no such job")
    answer = stub.call(*words)
    assert answer.exit_code == Exit.NOT_FOUND
    return answer.stderr


def test_names_like_one_that_is_not_there_are_told(stub: StubApi) -> None:
    assert near(stub, "run", "nightli") == "Error: nightli: there is no such job; is nightly meant?\n"
    assert near(stub, "history", "nightli") == "Error: nightli: there is no such job; is nightly meant?\n"
    assert near(stub, "get", "job", "weekly").endswith("; is team/weekly meant?\n")
    assert near(stub, "run", "zzz").endswith("; namespace default has hello, hourly, nightly\n")
    assert near(stub, "run", "empty/zzz").endswith("; namespace empty has none\n")


def test_who_may_not_list_is_told_no_names(stub: StubApi) -> None:
    stub.replies["POST /jobs/team:a/run"] = problem(404, "there is no such job")
    stub.replies["GET /jobs?namespace=team&limit=500&offset=0"] = problem(403, "you lack the right")

    answer = stub.call("run", "team/a")

    assert (answer.exit_code, answer.stderr) == (3, "Error: team/a: there is no such job\n")
