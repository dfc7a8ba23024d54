"""`kronstream emit` and `trigger` on the real parts: as the page shows, and under the rights of whoever calls."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from eventually import eventually
from integration.eventbench import STREAM, counted, listening
from integration.installation import Installation
from integration.objects import handling, ready, scheduled
from integration.test_api_rights import Desk
from integration.test_command_line import Shell
from integration.test_events_page import around
from unit.test_docs_events import BLOCKS

DIGITS = re.compile(r"(?<=-)e?[0-9a-f]{20}\b|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
BILL = {"runJob": {"name": "bill"}}


@pytest.fixture
def shell(doored: Installation) -> Shell:
    """With the job that the handlers run, in force."""
    (made,) = doored.apply(scheduled("bill", "default", "api:echo", schedule="0 0 1 1 *"))
    doored.wait(made, ready)
    return Shell(doored)


def digitless(line: str) -> str:
    """A line without the digits of an event's identity, which depend on the handler's UID."""
    return DIGITS.sub("0" * 20, line)


def test_a_trigger_answers_as_shown(doored: Installation, shell: Shell) -> None:
    (console,) = [block for block in BLOCKS if block.language == "console" and "trigger" in block.text]
    program, *words = shlex.split(console.lines[0].removeprefix("$ "))
    for handler in doored.apply(
        around("createJob", "invoice", priority=5),
        around("runJob", "bill", dedupe={"key": "event.data.order", "window": "10m"}),
        around("filter", "large-orders"),
        handling("refund", "order.paid", platformId="platform-456", action=BILL),
    ):
        doored.wait(handler, listening)
    eventually(lambda: len(shell("get", "handlers", "-o", "name").split()) == 4)

    printed = shell(*words)

    assert program == "kronstream"
    assert [digitless(line) for line in printed.splitlines()] == [digitless(line) for line in console.lines[1:]]
    words.remove("--dry-run")
    again = json.loads(shell(*words, "-o", "json"))
    assert {one["name"]: one["outcome"] for one in again["matched"]} == {
        "invoice": "queued", "bill": "started", "large-orders": "filtered",
    }  # fmt: skip
    assert [(one["name"], one["outcome"]) for one in again["apart"]] == [("refund", "apart")]
    (made,) = eventually(lambda: [
        job for job in doored.objects.all("default") if job["metadata"]["name"] == again["matched"][0]["job"]
    ])  # fmt: skip
    assert made["spec"]["payload"]["event_data"] == {"order": 7, "total": 99.5}
    # the same event once more, of another source another one
    assert "started before" in shell(*words)
    assert re.search(r"default/large-orders +0 +runJob bill +started ", shell(
        *words[:1], "order.paid", "--id", "order-7", "--source", "/shop/eu", "--data", '{"order": 8, "total": 120.0}'
    ))  # fmt: skip


def test_an_emitted_event_is_acted_on(doored: Installation, shell: Shell) -> None:
    (handler,) = doored.apply(handling("hears", "parcel.sent", action=BILL, filter='event.subject == "x"'))
    doored.wait(handler, listening)

    printed = shell("emit", "parcel.sent", "--subject", "x", "--data", '{"parcel": 1}', "-o", "json")
    other = shell("emit", "parcel.sent", "--subject", "y").strip()

    doored.wait(handler, counted(success=1, filtered=1))
    sent = [json.loads(fields["event"]) for _, fields in doored.redis.xrange(STREAM)]
    assert [one["id"] for one in sent[-2:]] == [json.loads(printed)["id"], other]
    assert (sent[-2]["data"], sent[-2]["source"]) == ({"parcel": 1}, "/kronstream/emit")


def test_both_take_the_right_where_the_event_is_seen(doored: Installation, shell: Shell) -> None:
    desk = Desk(doored)
    server = doored.url("api-3").removesuffix("/api/v1/scheduler")

    def holder(verb: str, resource: str) -> dict[str, str]:
        with desk.token((verb, resource)) as calls:
            token = calls.headers["Authorization"].removeprefix("Bearer ")
        return {"KRONSTREAM_SERVER": server, "KRONSTREAM_TOKEN": token}

    allowed, other = holder("create", "eventhandlers/trigger"), holder("get", "eventhandlers")
    before = doored.redis.xlen(STREAM)

    for command in ("emit", "trigger"):
        refused = shell(command, "a.b", "-n", "team-a", code=5, **other)
        everywhere = shell(command, "a.b", code=5, **allowed)
        assert "lacks the right: create eventhandlers/trigger.kronstream.dev in namespace team-a\n" in refused
        assert everywhere.endswith("it is needed in every namespace; with -n NAMESPACE, in that one\n")
    assert doored.redis.xlen(STREAM) == before
    assert len(shell("emit", "a.b", "-n", "team-a", **allowed)) == 37
    assert doored.redis.xlen(STREAM) == before + 1
    assert shell("trigger", "a.b", "-n", "team-a", "--dry-run", **allowed) == ""


def test_an_api_that_is_away_is_told(shell: Shell) -> None:
    for command in ("emit", "trigger"):
        said = shell(command, "a.b", code=4, KRONSTREAM_SERVER="http://127.0.0.1:1")
        assert said.startswith("Error: no answer from http://127.0.0.1:1")
