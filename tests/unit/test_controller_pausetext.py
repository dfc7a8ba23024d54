"""What a ConfigMap of pauses says, however it is written."""

from typing import Any

import pytest

from kronstream.controller.pausetext import NOTHING, SCOPES, read
from kronstream.ports import Pause
from kronstream.resources.instant import parse

BY = "ConfigMap kronstream-system/kronstream-pauses"
CHRISTMAS = parse("2026-12-24T18:00:00Z")


def config(data: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
    meta = {"namespace": "kronstream-system", "name": "kronstream-pauses", "uid": "u", **fields.pop("metadata", {})}
    return {"metadata": meta, "data": data, **fields}


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        ("", Pause(0, None, BY)),
        ("maintenance of the database\n", Pause(0, None, BY, "maintenance of the database")),
        (
            "see https://status.example/12, ends at 18:00",
            Pause(0, None, BY, "see https://status.example/12, ends at 18:00"),
        ),
        ("on hold (alice: ask me)", Pause(0, None, BY, "on hold (alice: ask me)")),
        ("{}", Pause(0, None, BY)),
        (
            "{reason: release, until: 2026-12-24T18:00:00Z, by: alice}",
            Pause(0, CHRISTMAS, "alice", "release"),
        ),
        ("reason: release\nuntil: 2026-12-24T19:00:00+01:00\n", Pause(0, CHRISTMAS, BY, "release")),
        ('{"until": "2026-12-24T18:00:00Z"}', Pause(0, CHRISTMAS, BY)),
        ("until:\nby: 17\n", Pause(0, None, "17")),
        ("x" * 2_000, Pause(0, None, BY, "x" * 1_024)),
        ("{by: " + "b" * 300 + ", reason: " + "r" * 2_000 + "}", Pause(0, None, "b" * 255, "r" * 1_024)),
    ],
)
def test_a_value_is_a_reason_or_a_form(text: str, pause: Pause) -> None:
    written = read(config({"team-a": text}))

    assert written.pauses == {"team-a": pause}
    assert written.faults == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{until: tomorrow}", "until: 'tomorrow'"),
        ("until: 2026-12-24", "until: '2026-12-24'"),
        ("until: 2026-12-24T18:00:00", "until: '2026"),
        ("until: 2026-02-30T18:00:00Z", "not an instant"),
        ("{reason: [a, b]}", "reason is no text"),
        ("{reason: &a [*a]}", "not YAML"),
        ("{reason: x, untill: 2026-12-24T18:00:00Z}", "there is no field 'untill'"),
        ("maintenance: ask alice", "there is no field 'maintenance'"),
        ("{reason", "not YAML"),
        ("{? [a] : b}", "not YAML"),
        ("{a: !!python/object/apply:os.system [x]}", "there is no field 'a'"),
        ("{" * 3_000, "not YAML"),
        ("{reason: " + "x" * 5_000 + "}", "more than 4096 characters"),
    ],
)
def test_a_value_that_cannot_be_read_pauses_without_end_and_is_told(text: str, fault: str) -> None:
    written = read(config({"team-a": text}))

    assert written.pauses == {"team-a": Pause(0, None, BY, text.strip()[:1_024])}
    (told,) = written.faults
    assert told.startswith("team-a: ")
    assert fault in told
    assert "write a reason as plain text" in told


def test_what_is_no_text_at_all_pauses_too() -> None:
    written = read(config(None, binaryData={"team-a": "/w=="}))

    assert written.pauses == {"team-a": Pause(0, None, BY)}
    assert "the value is no text" in written.faults[0]


@pytest.mark.parametrize("key", ["Team-A", "team_a", "team.a", "-a", "a" * 64, "_ALL"])
def test_a_key_that_is_no_namespaces_name_is_told_and_pauses_nothing(key: str) -> None:
    written = read(config({key: "", "team-b": ""}))

    assert list(written.pauses) == ["team-b"]
    assert written.faults[0].startswith(f"{key}: no namespace has such a name")


def test_all_jobs_are_a_scope_of_their_own() -> None:
    assert list(read(config({"_all": "", "all": ""})).pauses) == ["*", "all"]


def test_no_more_than_a_thousand_scopes_are_read() -> None:
    written = read(config({f"ns-{number:05}": "" for number in range(SCOPES + 10)} | {"_all": ""}))

    assert len(written.pauses) == SCOPES
    assert "*" in written.pauses  # it comes first
    assert len(written.faults) == 1


def test_nothing_is_paused_by_what_is_not_there() -> None:
    assert read(None) == NOTHING
    assert read(config()) == NOTHING


def test_when_a_key_was_written_is_what_its_writers_last_did() -> None:
    fields = [
        {"time": "2026-11-23T12:00:00Z", "fieldsV1": {"f:data": {".": {}, "f:team-a": {}, "f:team-b": {}}}},
        {"time": "2026-11-23T11:00:00Z", "fieldsV1": {"f:data": {"f:team-b": {}}, "f:metadata": {}}},
        {"time": "never", "fieldsV1": {"f:data": {"f:team-a": {}}}},
        {"fieldsV1": None, "time": "2026-11-23T10:00:00Z"},
        {"fieldsV1": {"f:data": 5}, "time": "2026-11-23T10:00:00Z"},
        7,
    ]
    written = read(config({"team-a": "", "team-b": "", "team-c": ""}, metadata={"managedFields": fields}))

    assert {scope: pause.since for scope, pause in written.pauses.items()} == {
        "team-a": parse("2026-11-23T12:00:01Z"),
        "team-b": parse("2026-11-23T11:00:01Z"),
        "team-c": 0,
    }
