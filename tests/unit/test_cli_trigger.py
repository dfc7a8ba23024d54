"""`kronstream trigger` from the command line: what it prints, and what it says when it cannot ask."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kronstream.cli import trigger as command
from kronstream.cli.main import main
from kronstream.operations import Refused
from kronstream.operations.eventhandlers import Hearers, known
from kronstream.operations.refused import Why
from kronstream.operations.triggered import Answer, Outcome
from unit.eventdesk import manifest

ANSWERS = [
    Answer(
        "default", "makes", "u-1", 5, "createJob cleanup:artifacts", Outcome.QUEUED, "a router makes it", job="makes-1"
    ),
    Answer("default", "runs", "u-2", 0, "runJob bill", Outcome.STARTED, run="j-e1", job="bill", before=True),
    Answer("team-b", "off", "u-3", 0, "runJob bill", Outcome.APART, "enabled is false"),
]  # fmt: skip


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["trigger", "order.paid", *arguments])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was asked of the service, which answers as prepared."""
    found: list[Any] = []

    async def ask(_: Any, stream: str, event: Any, dry_run: bool) -> list[Answer]:
        found.append((stream, event, dry_run))
        return ANSWERS

    monkeypatch.setattr(command, "_ask", ask)
    return found


def test_a_table_tells_what_each_handler_made(asked: list[Any]) -> None:
    answer = call("--id", "7", "--platform", "p-1", "--stream", "stream:orders", "--dry-run", "--data", "{}")

    assert answer.exit_code == 0
    assert answer.stdout.splitlines() == [
        "HANDLER         PRIORITY   ACTION                        OUTCOME          MADE          WHY",
        "default/makes   5          createJob cleanup:artifacts   queued           job makes-1   a router makes it",
        "default/runs    0          runJob bill                   started before   run j-e1      -",
        "team-b/off      0          runJob bill                   apart            -             enabled is false",
    ]
    assert answer.stderr == "event 7: 2 handlers of order.paid; nothing was made (dry run)\n"
    ((stream, event, dry_run),) = asked
    assert (stream, event.platform, event.data, dry_run) == ("stream:orders", "p-1", {}, True)
    assert event.source == "/kronstream/trigger"


def test_json_is_for_programs(asked: list[Any]) -> None:
    told = json.loads(call("--id", "7", "-o", "json").stdout)

    assert (told["event"]["id"], told["dry_run"], len(asked)) == ("7", False, 1)
    assert told["matched"] == [
        {"handler": "default/makes", "uid": "u-1", "priority": 5, "action": "createJob cleanup:artifacts",
         "outcome": "queued", "why": "a router makes it", "job": "makes-1", "before": False},
        {"handler": "default/runs", "uid": "u-2", "priority": 0, "action": "runJob bill", "outcome": "started",
         "run": "j-e1", "job": "bill", "before": True},
    ]  # fmt: skip
    assert [one["handler"] for one in told["apart"]] == ["team-b/off"]


def test_nobody_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(*_: Any) -> list[Answer]:
        return []

    monkeypatch.setattr(command, "_ask", nobody)
    answer = call("--id", "7")

    assert (answer.exit_code, answer.stdout) == (0, "")
    assert answer.stderr == "event 7: 0 handlers of order.paid\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "{x"], "--data: is not JSON"),
        (["--source", "no uri"], "--source: 'no uri' cannot be used"),
        (["--redis-url", "http://redis"], "KRONSTREAM_REDIS_URL"),
        (["--stream", "my stream"], "KRONSTREAM_EVENT_STREAM"),
    ],
)
def test_what_cannot_be_asked_is_said_before(arguments: list[str], words: str, asked: list[Any]) -> None:
    answer = call(*arguments)

    assert (answer.exit_code, asked) == (2, [])
    assert words in answer.stderr


def test_a_refusal_is_told_in_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: Any) -> list[Answer]:
        raise Refused(Why.AWAY, "Redis was lost")

    monkeypatch.setattr(command, "_ask", refuse)
    answer = call()

    assert (answer.exit_code, answer.stderr) == (1, "Error: Redis was lost\n")


def test_a_redis_that_is_away_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none() -> Any:
        return Hearers([known(manifest("runs"))])

    monkeypatch.setattr(command, "_handlers", none)
    answer = call("--redis-url", "redis://:secret@127.0.0.1:1/0")

    assert answer.exit_code == 1
    assert "no answer from redis://" in answer.stderr
    assert "KRONSTREAM_REDIS_URL" in answer.stderr
    assert "secret" not in answer.output


def test_a_cluster_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    answer = call()

    assert answer.exit_code == 1
    assert "KUBECONFIG" in answer.stderr
    assert "Traceback" not in answer.output
