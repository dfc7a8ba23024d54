"""`kronstream emit`: what is said about what is no event, and what would be sent."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kronstream.cli.emit import emit
from unit.stubapi import Reply, StubApi, problem

TAKEN = {"POST /events": Reply(202, {"ids": ["i"]})}


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(emit, [*arguments], input=stdin)


def test_a_dry_run_shows_what_would_be_sent() -> None:
    done = run(
        "workflow.completed", "--data", '{"workflow_id": "123"}', "--platform", "platform-123", "--namespace", "team",
        "--trace", "t", "--id", "i", "--source", "/s", "--subject", "x", "--extension", "tenant=a=b", "--dry-run",
        "-o", "json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    shown = json.loads(done.stdout)
    assert shown.pop("time").endswith("Z")
    assert shown == {
        "specversion": "1.0", "id": "i", "source": "/s", "type": "workflow.completed", "subject": "x",
        "datacontenttype": "application/json", "platformid": "platform-123", "namespace": "team", "traceid": "t",
        "tenant": "a=b", "data": {"workflow_id": "123"},
    }  # fmt: skip


def test_the_id_is_printed_and_new_each_time() -> None:
    first, second = (run("a", "--dry-run").stdout.strip() for _ in range(2))
    assert len(first) == 36
    assert first != second
    assert run("a", "--id", "mine", "--dry-run").stdout == "mine\n"
    assert "data" not in json.loads(run("a", "--dry-run", "-o", "json").stdout)


def test_data_from_a_file_and_from_standard_input(tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text('["ä"]')
    for text, stdin in ((f"@{file}", None), ("-", b'["\xc3\xa4"]'), ("@-", b'["\xc3\xa4"]')):
        assert json.loads(run("a", "--data", text, "--dry-run", "-o", "json", stdin=stdin).stdout)["data"] == ["ä"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a", "--data", "{a: 1}"], "--data: is not JSON"),
        (["a", "--data", "{a: 1}"], "in quotes of the shell"),
        (["a", "--data", "NaN"], "--data: is not JSON"),
        (["a", "--data", "@/no/such/file"], "No such file"),
        (["a", "--data", "@/dev/zero"], "--data: "),
        (["a", "--data", "-"], "--data is not UTF-8"),
        (["a", "--data", f'"{"x" * 65_500}"'], "65536 are allowed"),
        (["a", "--data", "[" * 33 + "]" * 33], "--data: the event is nested more than 32 levels deep"),
        ([""], "TYPE: is empty"),
        (["a\nb"], "TYPE: 'a\\nb' cannot be used"),
        (["a", "--source", "a b"], "--source: 'a b' cannot be used; write a URI reference"),
        (["a", "--id", ""], "--id: is empty"),
        (["a", "--platform", "a\tb"], "--platform: 'a\\tb' cannot be used"),
        (["a", "--extension", "Tenant=x"], "Tenant: is no attribute; an attribute's name has lower-case letters"),
        (["a", "--extension", "tenant"], "write NAME=TEXT"),
        (["a", "--extension", "x=1", "--extension", "x=2"], "once"),
        (["a", "--extension", "id=1"], "with a name of its own"),
        (["a", "--extension", "platformid=1"], "with a name of its own"),
        (["a", "--stream", "a{b}", "--direct"], "without braces"),
        (["a", "--stream", "mine"], "--stream goes with --direct"),
        (["a", "--redis-url", "http://:hunter2@x"], "redis://"),
        ([], "Missing argument 'TYPE'"),
    ],
)
def test_what_is_no_event_exits_with_2_and_a_message(arguments: list[str], says: str) -> None:
    done = run(*arguments, "--dry-run", stdin=b"\xff")
    assert done.exit_code == 2
    assert says in done.output
    assert "Traceback" not in done.output
    assert "hunter2" not in done.output
    assert len(done.output) < 1_000


def test_it_is_sent_to_the_api_as_it_is() -> None:
    with StubApi(TAKEN) as stub:
        done = stub.call("emit", "a.b", "--id", "i", "-n", "team", "--data", "[1]", "--extension", "tenant=x")

    assert (done.exit_code, done.stdout) == (0, "i\n")
    (asked,) = stub.asked
    assert asked.headers["content-type"] == "application/cloudevents+json"
    assert asked.headers["idempotency-key"]
    assert (asked.body["type"], asked.body["namespace"], asked.body["tenant"]) == ("a.b", "team", "x")
    assert (asked.body["data"], asked.body["source"]) == ([1], "/kronstream/emit")


def test_an_event_of_every_namespace_names_none_and_a_missing_right_tells_how_to_name_one() -> None:
    refused = problem(403, "somebody lacks the right: create eventhandlers/trigger.kronstream.dev")
    with StubApi({"POST /events": refused}) as stub:
        done, named = stub.call("emit", "a"), stub.call("emit", "a", "-n", "team")

    assert "namespace" not in stub.asked[0].body
    assert (done.exit_code, done.stdout, named.exit_code) == (5, "", 5)
    assert done.stderr == (
        "Error: a: somebody lacks the right: create eventhandlers/trigger.kronstream.dev; it is needed in every "
        "namespace; with -n NAMESPACE, in that one\n"
    )
    assert "every namespace" not in named.stderr


def test_without_redis_it_is_a_line_and_no_id(tmp_path: Path) -> None:
    done = run("a", "--redis-url", f"unix://:hunter2@{tmp_path}/none.sock")
    assert done.exit_code == 4
    assert "not sent to unix://" in done.output
    assert "KRONSTREAM_REDIS_URL" in done.output
    assert done.stdout == ""
    assert "hunter2" not in done.output
