"""The status as it is written and as it is read back."""

import pytest

from kronstream.domain.errors import Invalid
from kronstream.domain.run import State
from kronstream.resources import Condition, LastRun, Runs, Status, parse_status

FULL = Status(
    observed_generation=3,
    seq=7,
    cursor_ms=1_798_135_200_050,
    conditions=(
        Condition(type="Ready", status="True", last_transition_time_ms=0, reason="Scheduled", observed_generation=3),
    ),
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
        ({"lastRun": {"id": "x", "status": "lost"}}, "status.lastRun.status"),
        ({"skipped": {"Missed": "one"}}, "status.skipped.Missed"),
    ],
)
def test_a_status_that_nobody_wrote_is_invalid(status: object, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_status(status)

    assert caught.value.field == field
