"""Rows of a preview: runs, what is left out between them, and what changed clocks have to do with it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kronstream.domain import jitter
from kronstream.domain.preview import LOOKS, Row, local, rows
from kronstream.domain.when import When

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def preview(start: str, number: int, spread: int = 0, **fields: Any) -> list[Row]:
    when = When.of(identity="a/b", created=ms("2026-01-01"), **fields)
    schedule = when.schedule()
    assert schedule is not None
    return list(rows(when, schedule, "a/b", spread, ms(start) - 1, number))


def told(found: list[Row]) -> list[tuple[str, ...]]:
    return [(f"{local('UTC', row.at):%m-%dT%H:%M}", row.skipped, *row.notes) for row in found]


def test_runs_are_the_instants_of_the_schedule() -> None:
    found = preview("2026-11-23", 3, schedule="0 9 * * *")

    assert [row.at for row in found] == [ms(f"2026-11-{day}T09:00") for day in (23, 24, 25)]
    assert all(row.starts == row.at and row.notes == () and not row.skipped for row in found)


def test_a_time_that_does_not_exist_is_named() -> None:
    found = preview("2027-03-27", 3, schedule="30 2 * * *", time_zone=BERLIN)

    assert told(found) == [
        ("03-27T01:30", ""),
        ("03-28T01:00", "", "clocks go forward: 02:30 does not exist, runs at 03:00"),
        ("03-29T00:30", ""),
    ]


@pytest.mark.parametrize(
    ("schedule", "note"),
    [
        ("0,30 2-3 * * *", "clocks go forward: 02:00, 02:30 do not exist, runs at 03:00"),
        ("*/10 2 * * *", "clocks go forward: 02:00, 02:10, 02:20 … do not exist, runs at 03:00"),
        ("0 3 * * *", None),
        ("*/30 * * * *", None),
    ],
)
def test_what_the_first_instant_after_a_gap_stands_for(schedule: str, note: str | None) -> None:
    row = preview("2027-03-28T01:00", 1, schedule=schedule, time_zone=BERLIN)[0]

    assert row.at == ms("2027-03-28T01:00")
    assert row.notes == (() if note is None else (note,))


def test_several_schedules_meet_after_a_gap() -> None:
    found = preview("2027-03-28T01:00", 1, schedules=["15 2 * * *", "45 2 * * *", "* * * * *"], time_zone=BERLIN)

    assert found[0].notes == ("clocks go forward: 02:15, 02:45 do not exist, runs at 03:00",)


def test_a_gap_at_midnight() -> None:
    gap = preview("2026-03-08T00:00", 1, schedule="30 0 8 3 *", time_zone="America/Havana")[0]

    assert gap.notes == ("clocks go forward: 00:30 does not exist, runs at 01:00",)


def test_a_day_that_does_not_exist_is_named_with_its_date() -> None:
    found = preview("2011-12-30T00:00", 1, schedule="0 12 30 12 *", time_zone="Pacific/Apia")[0]

    assert found.notes == ("clocks go forward: 2011-12-30 12:00 does not exist, runs at 00:00",)


def test_a_skipped_gap_is_a_row() -> None:
    found = preview("2027-03-28", 1, schedule="30 2 * * *", time_zone=BERLIN, gap="Skip")

    assert told(found) == [
        ("03-28T01:00", "clocks go forward: 02:30 does not exist, and dst.gap is Skip"),
        ("03-29T00:30", ""),
    ]


def test_what_runs_all_the_same_after_a_skipped_gap_has_no_note() -> None:
    found = preview("2027-03-28", 1, schedule="0 2,3 * * *", time_zone=BERLIN, gap="Skip")

    assert told(found) == [("03-28T01:00", "")]


@pytest.mark.parametrize(
    ("schedule", "repeat", "notes"),
    [
        ("30 1 * * *", "First", ["first of two 01:30, the second does not run"]),
        ("30 1 * * *", "Both", ["first of two 01:30", "second of two 01:30"]),
        ("30 * * * *", "First", ["first of two 01:30", "second of two 01:30"]),
    ],
)
def test_a_time_that_comes_twice(schedule: str, repeat: Any, notes: list[str]) -> None:
    found = preview("2026-11-01T05:00", 3, schedule=schedule, repeat=repeat, time_zone=NEW_YORK)

    assert [note for row in found for note in row.notes] == notes


def test_an_excluded_first_pass_leaves_the_second_alone() -> None:
    found = preview("2026-11-01T05:45", 1, schedule="30 * * * *", time_zone=NEW_YORK, not_before=ms("2026-11-01T06:00"))

    assert found[0].notes == ("second of two 01:30, the first does not run",)


def test_a_rule_is_marked_as_cron_is() -> None:
    found = preview(
        "2027-03-27",
        2,
        rrule="DTSTART:20270101T023000\nRRULE:FREQ=DAILY",
        time_zone=BERLIN,
    )

    assert found[1].notes == ("clocks go forward: 02:30 does not exist, runs at 03:00",)


def test_an_interval_has_no_marks() -> None:
    found = preview("2027-03-28T00:30", 3, every=1_800_000, anchor=0, time_zone=BERLIN, exclude=["2020-01-01"])

    assert [row.notes for row in found] == [(), (), ()]


def test_exclusions_are_rows_of_their_own() -> None:
    found = preview(
        "2026-12-22", 3, schedule="0 9 * * *", exclude=["2026-12-24/2026-12-26", "* * * * SUN", "2030-01-01"]
    )

    assert told(found) == [
        ("12-22T09:00", ""),
        ("12-23T09:00", ""),
        ("12-24T09:00", "excluded by 2026-12-24/2026-12-26"),
        ("12-27T09:00", "excluded by * * * * SUN"),
        ("12-28T09:00", ""),
    ]
    row = found[2]
    assert (row.count, row.last, row.exact) == (3, ms("2026-12-26T09:00"), True)


def test_what_two_exclusions_cover_is_told_once() -> None:
    found = preview("2026-12-24", 1, schedule="0 9 * * *", exclude=["2026-12-24", "* * 24 12 *"])

    assert len([row for row in found if row.skipped]) == 1


def test_a_schedule_that_ends() -> None:
    found = preview("2026-12-24", 5, schedule="0 9 * * *", not_after=ms("2026-12-26"), exclude=["2026-12-25"])

    assert told(found) == [("12-24T09:00", ""), ("12-25T09:00", "excluded by 2026-12-25")]
    assert found[1].exact


def test_everything_is_excluded() -> None:
    (row,) = preview("2026-12-24", 5, schedule="0 9 * * *", exclude=["* * * * *"])

    assert (row.count, row.exact, row.skipped) == (LOOKS, False, "excluded by * * * * *")


def test_jitter_is_the_operators() -> None:
    found = preview("2026-11-23", 3, spread=600_000, schedule="0 * * * *")

    assert [row.starts - row.at for row in found] == [
        jitter.delay("a/b", row.at, 600_000, row.at + 3_600_000) for row in found
    ]
    assert any(row.starts > row.at for row in found)


def test_the_clock_of_a_zone() -> None:
    assert local(BERLIN, ms("2026-11-23T12:00") + 7).isoformat() == "2026-11-23T13:00:00.007000+01:00"
