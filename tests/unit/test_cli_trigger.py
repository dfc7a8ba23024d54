"""`kronstream trigger` from the command line: what it asks the API for, and what it prints."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from unit.stubapi import Reply, StubApi, problem


def made(namespace: str, name: str, priority: int, action: str, outcome: str, **more: Any) -> dict[str, Any]:
    """What one handler made, as the API tells it."""
    plain = {"why": "", "execution_id": None, "job": None, "before": False}
    told = {"handler_id": "u", "namespace": namespace, "name": name, "priority": priority, "action": action}
    return {**told, "outcome": outcome, **plain, **more}


LONG = "filter is false: " + "event.data.total > 100.0 && " * 4
ANSWER = {
    "message": "Event was tried, nothing was made",
    "event_id": "7",
    "matched": [
        made("default", "makes", 5, "createJob clean", "queued", why="a router makes it", job="makes-1"),
        made("default", "runs", 0, "runJob bill", "started", execution_id="j-e1", job="bill", before=True),
        made("default", "wants", 0, "runJob bill", "filtered", why=LONG),
    ],
    "apart": [made("team-b", "off", 0, "runJob bill", "apart", why="enabled is false")],
}
DRY, ASKED = "POST /events/trigger?dry_run=true", "POST /events/trigger"


@pytest.fixture
def stub() -> Iterator[StubApi]:
    with StubApi({DRY: Reply(value=ANSWER), ASKED: Reply(value=ANSWER)}) as api:
        yield api


def test_a_table_tells_what_each_handler_made(stub: StubApi) -> None:
    answer = stub.call("trigger", "order.paid", "--id", "7", "--dry-run")

    assert answer.exit_code == 0
    assert answer.stdout.splitlines() == [
        "HANDLER         PRIORITY   ACTION            OUTCOME          MADE          WHY",
        "default/makes   5          createJob clean   queued           job makes-1   a router makes it",
        "default/runs    0          runJob bill       started before   run j-e1      -",
        f"default/wants   0          runJob bill       filtered         -             {LONG.rstrip()}",
        "team-b/off      0          runJob bill       apart            -             enabled is false",
    ]
    assert answer.stderr == "event 7: 3 handlers of order.paid; nothing was made (dry run)\n"


def test_the_event_is_told_whole(stub: StubApi) -> None:
    stub.call(
        "trigger", "order.paid", "--id", "7", "--source", "/shop", "--subject", "s", "--platform", "p-1", "--trace",
        "t", "-n", "team", "--data", "{}", "--extension", "tenant=x", "--stream", "stream:orders",
    )  # fmt: skip
    stub.call("trigger", "order.paid", "--id", "8")

    whole, least = (asked.body for asked in stub.asked)
    assert whole == {
        "event_name": "order.paid", "event_id": "7", "source": "/shop", "subject": "s", "platform_id": "p-1",
        "trace_id": "t", "namespace": "team", "data": {}, "extensions": {"tenant": "x"}, "stream": "stream:orders",
    }  # fmt: skip
    assert least == {"event_name": "order.paid", "event_id": "8", "source": "/kronstream/trigger"}


def test_formats_for_programs(stub: StubApi) -> None:
    told = {form: stub.call("trigger", "order.paid", "-o", form) for form in ("json", "yaml", "name")}

    assert json.loads(told["json"].stdout) == yaml.safe_load(told["yaml"].stdout) == ANSWER
    assert told["name"].stdout.split() == ["default/makes", "default/runs", "default/wants"]
    assert told["json"].stderr == ""


def test_nobody_is_told_in_a_line(stub: StubApi) -> None:
    stub.replies[ASKED] = Reply(value={**ANSWER, "matched": [], "apart": []})

    answer = stub.call("trigger", "order.paid", "--id", "7")

    assert (answer.exit_code, answer.stdout) == (0, "")
    assert answer.stderr == "event 7: 0 handlers of order.paid\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--data", "{x"], "--data: is not JSON"), (["--source", "no uri"], "--source: 'no uri' cannot be used")],
)
def test_what_is_no_event_is_said_before(arguments: list[str], words: str, stub: StubApi) -> None:
    answer = stub.call("trigger", "order.paid", *arguments)

    assert (answer.exit_code, stub.asked) == (2, [])
    assert words in answer.stderr


def test_a_refusal_is_told_in_the_words_of_the_command_line(stub: StubApi) -> None:
    stub.replies[ASKED] = problem(400, "platform_id: is too long", ("platform_id", "is too long"))
    assert stub.call("trigger", "a").stderr == "Error: a: --platform: is too long\n"

    stub.replies[ASKED] = problem(403, "x lacks the right: create eventhandlers/trigger.kronstream.dev")
    answer = stub.call("trigger", "a")
    assert answer.exit_code == 5
    assert answer.stderr.endswith("; it is needed in every namespace; with -n NAMESPACE, in that one\n")
