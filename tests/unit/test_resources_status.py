"""The status as it is written and as it is read back."""

import pytest

from kronstream.domain.errors import Invalid
from kronstream.domain.run import Skip, State
from kronstream.resources import Condition, LastRun, Paused, Runs, Status, parse_status

FULL = Status(
    observed_generation=3,
    seq=7,
    cursor_ms=1_798_135_200_050,
    conditions=(
        Condition(type="Ready", status="True", last_transition_time_ms=0, reason="Scheduled", observed_generation=3),
    ),
    schedule="17 3 * * *",
    suspended="Paused",
    paused=Paused(by="alice", reason="flood", since_ms=1_798_135_200_000, until_ms=1_798_138_800_000),
    skip_next_ms=(1_798_135_260_000,),
    handled_run_now="x" * 256,
    next_run_time_ms=1_798_135_260_000,
    upcoming_ms=(1_798_135_260_000, 1_798_135_320_000),
    last_run=LastRun(id="uid-s1", status=State.SUCCESS, started_at_ms=1_000, duration_ms=12),
    runs=Runs(total=3, succeeded=2, skipped=1),
    skipped={"Missed": 1},
    average_duration_ms=11,
    unfinished=("uid-s2",),
)


def test_times_are_written_as_text_and_durations_as_numbers() -> None:
    written = FULL.model_dump(mode="json", by_alias=True, exclude_unset=True)

    assert written["cursor"] == "2026-12-24T18:00:00.050Z"
    assert written["upcoming"] == ["2026-12-24T18:01:00Z", "2026-12-24T18:02:00Z"]
    assert written["skipNext"] == ["2026-12-24T18:01:00Z"]
    assert written["paused"] == {
        "by": "alice",
        "reason": "flood",
        "since": "2026-12-24T18:00:00Z",
        "until": "2026-12-24T19:00:00Z",
    }
    assert written["lastRun"] == {
        "id": "uid-s1",
        "status": "success",
        "startedAt": "1970-01-01T00:00:01Z",
        "durationMs": 12,
    }
    assert written["averageDurationMs"] == 11
    assert written["conditions"][0]["lastTransitionTime"] == "1970-01-01T00:00:00Z"


def test_what_is_written_is_read_back() -> None:
    assert parse_status(FULL.model_dump(mode="json", by_alias=True, exclude_unset=True)) == FULL


def test_absent_is_a_status_that_no_operator_wrote() -> None:
    assert parse_status(None) == Status(observed_generation=-1, seq=0)
    assert parse_status({"observedGeneration": -1}) == parse_status(None)


@pytest.mark.parametrize(
    ("status", "field"),
    [
        ([], "status"),
        ({"seq": -1}, "status.seq"),
        ({"cursor": "never"}, "status.cursor"),
        ({"upcoming": ["2026-12-24T18:00:00Z", 1, "x"]}, "status.upcoming[2]"),
        ({"suspended": "Maybe"}, "status.suspended"),
        ({"skipNext": ["soon"]}, "status.skipNext[0]"),
        ({"handledRunNow": "x" * 257}, "status.handledRunNow"),
        ({"lastRun": {"id": "x", "status": "lost"}}, "status.lastRun.status"),
        ({"skipped": {"Missed": "one"}}, "status.skipped.Missed"),
    ],
)
def test_a_status_that_nobody_wrote_is_invalid(status: object, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_status(status)

    assert caught.value.field == field


def test_every_reason_of_a_skip_is_explained() -> None:
    told = Status.model_fields["skipped"].description or ""

    assert [reason for reason in Skip if reason.value not in told] == []
