"""Entries of the store's outcomes, read as events."""

import json
from typing import Any

import pytest

from kronstream.domain.event import CHAIN
from kronstream.domain.outcomeevent import KINDS, PREFIX, TYPES, event_of, kind_of

RUN = "0b5c3c6e-5d0c-4a8e-9f0a-2d7e3a1c9b11-s1767225600000"
ENTRY = {
    "kind": "failed",
    "run": RUN,
    "at": "1767225601500",
    "uid": "0b5c3c6e-5d0c-4a8e-9f0a-2d7e3a1c9b11",
    "ns": "team",
    "nm": "cleanup",
    "nom": "1767225600000",
    "st": "failed",
    "why": "error",
    "att": "3",
    "dur": "499",
    "sta": "1767225601000",
    "fin": "1767225601499",
    "tr": "trace-1",
    "dp": "2",
    "pf": "platform-123",
    "cf": "4",
    "msg": "ValueError: no",
}


def test_an_entry_is_a_whole_event() -> None:
    assert event_of(ENTRY).dump() == {
        "specversion": "1.0",
        "id": f"{RUN}/failed/3",
        "source": "/kronstream/namespaces/team/scheduledjobs/cleanup",
        "type": "kronstream.run.failed",
        "subject": RUN,
        "time": "2026-01-01T00:00:01.500Z",
        "datacontenttype": "application/json",
        "namespace": "team",
        "platformid": "platform-123",
        "traceid": "trace-1",
        CHAIN: 2,
        "data": {
            "run_id": RUN,
            "job_id": "0b5c3c6e-5d0c-4a8e-9f0a-2d7e3a1c9b11",
            "job_name": "cleanup",
            "namespace": "team",
            "nominal_time": "2026-01-01T00:00:00.000Z",
            "status": "failed",
            "reason": "error",
            "attempt": 3,
            "trigger": "schedule",
            "duration_ms": 499,
            "started_at": "2026-01-01T00:00:01.000Z",
            "finished_at": "2026-01-01T00:00:01.499Z",
            "message": "ValueError: no",
            "consecutive_failures": 4,
        },
    }


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_known_is_null_and_the_event_is_json(kind: str) -> None:
    least = {name: ENTRY[name] for name in ("run", "at", "uid", "ns", "nm")}
    event = event_of({**least, "kind": kind})
    assert (event.type, event.id) == (PREFIX + kind, f"{RUN}/{kind}/0")
    assert (event.depth, event.platform, event.trace) == (0, None, None)
    data: dict[str, Any] = json.loads(json.dumps(event.dump()))["data"]
    assert (data["started_at"], data["finished_at"], data["duration_ms"]) == (None, None, None)
    assert (data["attempt"], data["consecutive_failures"], data["message"]) == (0, 0, "")


@pytest.mark.parametrize("kind", ["started", "slow", "late", "retrying"])
def test_of_a_run_that_goes_on_there_is_no_end(kind: str) -> None:
    data = event_of({**ENTRY, "kind": kind}).data
    assert (data["finished_at"], data["duration_ms"]) == (None, None)
    assert data["reason"] == ("error" if kind == "retrying" else None)


def test_instants_without_a_run_are_told_together() -> None:
    data = event_of({**ENTRY, "kind": "skipped", "count": "3", "last": "1767225660000", "why": "Missed"}).data
    assert (data["run_id"], data["count"], data["reason"]) == (None, 3, "Missed")
    assert data["last_nominal_time"] == "2026-01-01T00:01:00.000Z"


def test_a_handlers_own_runs_are_told_of_the_handler() -> None:
    uid = "eh.5f1d6c0e-8f0a-4c43-9f5e-7b1f6f2a9c01"
    event = event_of({**ENTRY, "uid": uid, "run": f"{uid}-e0123456789abcdef0123"})
    assert event.source == "/kronstream/namespaces/team/eventhandlers/cleanup"
    assert event.data["trigger"] == "event"


@pytest.mark.parametrize(
    "wrong",
    [{}, {"event": "{}"}, {**ENTRY, "kind": "failure"}, {**ENTRY, "at": "soon"}, {**ENTRY, "run": "x"},
     {**ENTRY, "nom": str(10**17)}],
)  # fmt: skip
def test_an_entry_that_is_none_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="not an outcome of a run: "):
        event_of(wrong)


def test_types_and_their_kinds() -> None:
    assert [kind_of(name) for name in TYPES] == list(KINDS)
    with pytest.raises(ValueError, match=r"'failed' is no outcome of a run; there are kronstream\.run\.started"):
        kind_of("failed")
