"""Cron expressions: days on which the clocks change, faults, and what is one expression."""

from datetime import UTC, datetime

import pytest

from kronstream.domain import cron, dst

CLOCKS = [
    # New York, 2026: 02:00 → 03:00 on 8 March, 02:00 → 01:00 on 1 November
    ("30 2 * * *", "America/New_York", "2026-03-07T08:00Z", ["03-08T07:00", "03-09T06:30", "03-10T06:30"]),
    ("0 3 * * *", "America/New_York", "2026-03-07T08:00Z", ["03-08T07:00", "03-09T07:00"]),
    ("0,30 2-3 * * *", "America/New_York", "2026-03-08T00:00Z", ["03-08T07:00", "03-08T07:30", "03-09T06:00"]),
    ("*/20 * * * *", "America/New_York", "2026-03-08T06:30Z", ["03-08T06:40", "03-08T07:00", "03-08T07:20"]),
    ("30 1 * * *", "America/New_York", "2026-10-31T06:00Z", ["11-01T05:30", "11-02T06:30"]),
    ("30 1 * * *", "America/New_York", "2026-11-01T05:30Z", ["11-02T06:30"]),
    ("45 1 * * *", "America/New_York", "2026-11-01T06:10Z", ["11-02T06:45"]),
    ("0 * 29 2 *", "America/New_York", "2026-01-01T00:00Z", ["02-29T05:00", "02-29T06:00"]),
    ("0 1,2 * * *", "America/New_York", "2026-11-01T04:00Z", ["11-01T05:00", "11-01T07:00", "11-02T06:00"]),
    ("30 * * * *", "America/New_York", "2026-11-01T05:00Z", ["11-01T05:30", "11-01T06:30", "11-01T07:30"]),
    ("30 */1 * * *", "America/New_York", "2026-11-01T05:00Z", ["11-01T05:30", "11-01T07:30"]),
    # Berlin, 2026: 02:00 → 03:00 on 29 March, 03:00 → 02:00 on 25 October
    ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z", ["03-29T01:00", "03-30T00:30"]),
    ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", ["10-25T00:30", "10-26T01:30"]),
    # Lord Howe moves by half an hour: 02:00 → 01:30 on 5 April, 02:00 → 02:30 on 4 October
    ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00Z", ["10-03T15:30", "10-04T15:15"]),
    ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00Z", ["04-04T14:45", "04-05T15:15"]),
    # Havana changes at midnight: in 2025 00:00 → 01:00 on 9 March, 01:00 → 00:00 on 2 November
    ("@daily", "America/Havana", "2025-03-08T12:00Z", ["03-09T05:00", "03-10T04:00"]),
    ("@daily", "America/Havana", "2025-11-01T12:00Z", ["11-02T04:00", "11-03T05:00"]),
    # Kathmandu never changes and is 5:45 ahead
    ("0 0 * * *", "Asia/Kathmandu", "2026-01-01T00:00Z", ["01-01T18:15", "01-02T18:15"]),
]


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1000


def following(expression: str, zone: str, start: str, number: int) -> list[str]:
    parsed, at = cron.parse(expression, zone), instant(start)
    found = []
    for _ in range(number):
        following = parsed.after(at)
        assert following is not None
        at = following
        found.append(datetime.fromtimestamp(at / 1000, UTC).strftime("%m-%dT%H:%M"))
    return found


@pytest.mark.parametrize(("expression", "zone", "start", "expected"), CLOCKS)
def test_clocks_that_change(expression: str, zone: str, start: str, expected: list[str]) -> None:
    assert following(expression, zone, start, len(expected)) == expected


def test_a_day_that_never_was() -> None:
    # Samoa had no 30 December 2011: midnight of the 30th runs when the 31st begins, as does the 31st's own
    assert following("0 0 * * *", "Pacific/Apia", "2011-12-29T00:00Z", 3) == [
        "12-29T10:00",
        "12-30T10:00",
        "12-31T10:00",
    ]
    assert following("0 */12 * * *", "Pacific/Apia", "2011-12-29T11:00Z", 3) == [
        "12-29T22:00",
        "12-30T10:00",
        "12-30T22:00",
    ]


def test_an_hour_field_of_a_star_is_elapsed_time_and_a_step_is_not() -> None:
    start = instant("2026-11-01T05:00:00Z")
    assert cron.parse("0 * * * *", "America/New_York").after(start) == start + 3_600_000
    assert cron.parse("0 */1 * * *", "America/New_York").after(start) == start + 2 * 3_600_000


def test_instants_between_seconds() -> None:
    parsed = cron.parse("* * * * *")
    assert [parsed.after(at) for at in (59_999, 60_000, 60_001, -1)] == [60_000, 120_000, 120_000, 0]


@pytest.mark.parametrize(("name", "text"), sorted(cron.MACROS.items()))
def test_names_stand_for_expressions(name: str, text: str) -> None:
    assert cron.parse(name.upper()).expression == text
    assert cron.parse(f"  {name} ").expression == text


def test_equal_texts_share_one_object() -> None:
    assert cron.parse("0 0 * * *", "UTC") is cron.parse("0 0 * * *", "UTC")
    assert cron.parse("0 0 * * *", "UTC") is not cron.parse("0 0 * * *", "Europe/Berlin")


POLICIES = [
    # gap RunAfter or Skip, repeat First or Both; New York, 2026
    ("30 2 * * *", "2026-03-07T12:00Z", "RunAfter", "First", ["03-08T07:00", "03-09T06:30"]),
    ("30 2 * * *", "2026-03-07T12:00Z", "Skip", "First", ["03-09T06:30", "03-10T06:30"]),
    ("*/20 2 * * *", "2026-03-07T12:00Z", "RunAfter", "Both", ["03-08T07:00", "03-09T06:00"]),
    ("*/20 2,3 * * *", "2026-03-08T00:00Z", "RunAfter", "First", ["03-08T07:00", "03-08T07:20"]),
    ("*/20 2 * * *", "2026-03-07T12:00Z", "Skip", "Both", ["03-09T06:00", "03-09T06:20"]),
    ("30 1 * * *", "2026-11-01T00:00Z", "RunAfter", "First", ["11-01T05:30", "11-02T06:30"]),
    ("30 1 * * *", "2026-11-01T00:00Z", "Skip", "Both", ["11-01T05:30", "11-01T06:30", "11-02T06:30"]),
    ("0,30 0-2 * * *", "2026-11-01T05:20Z", "Skip", "First", ["11-01T05:30", "11-01T07:00", "11-01T07:30"]),
    ("0,30 0-2 * * *", "2026-11-01T05:20Z", "RunAfter", "Both", ["11-01T05:30", "11-01T06:00", "11-01T06:30"]),
    ("15 30 2 * * *", "2026-03-07T12:00Z", "RunAfter", "First", ["03-08T07:00", "03-09T06:30"]),
    ("30 * * * *", "2026-03-08T06:00Z", "RunAfter", "First", ["03-08T06:30", "03-08T07:30"]),
    ("30 * * * *", "2026-11-01T05:00Z", "Skip", "First", ["11-01T05:30", "11-01T06:30", "11-01T07:30"]),
]


@pytest.mark.parametrize(("expression", "start", "gap", "repeat", "expected"), POLICIES)
def test_gap_and_repeat_are_the_jobs_choice(
    expression: str, start: str, gap: dst.Gap, repeat: dst.Repeat, expected: list[str]
) -> None:
    parsed, at, found = cron.parse(expression, "America/New_York", gap, repeat), instant(start), []
    for _ in expected:
        at = parsed.after(at) or 0
        found.append(datetime.fromtimestamp(at / 1000, UTC).strftime("%m-%dT%H:%M"))
    assert found == expected


SHIFTS = [
    # by half an hour, at midnight (three times), by two hours, and by a day over the date line
    ("Australia/Lord_Howe", "45 1 * * *", "2026-04-04T00:00Z", ["04-04T14:45", "04-04T15:15", "04-05T15:15"]),
    ("America/Havana", "30 0 * * *", "2025-11-01T12:00Z", ["11-02T04:30", "11-02T05:30", "11-03T05:30"]),
    ("Africa/Cairo", "30 23 * * *", "2025-10-30T12:00Z", ["10-30T20:30", "10-30T21:30", "10-31T21:30"]),
    ("Asia/Beirut", "30 23 * * *", "2025-10-25T12:00Z", ["10-25T20:30", "10-25T21:30", "10-26T21:30"]),
    ("Antarctica/Troll", "15 2 * * *", "2026-10-25T00:00Z", ["10-25T00:15", "10-25T02:15", "10-26T02:15"]),
    # Vostok went back seven hours in January 1994, and no summer time was at an end
    ("Antarctica/Vostok", "0 20 * * *", "1994-01-31T00:00Z", ["01-31T13:00", "01-31T20:00", "02-01T20:00"]),
]


@pytest.mark.parametrize(("zone", "expression", "start", "both"), SHIFTS)
def test_a_repeated_time_comes_once_or_twice_in_every_zone(
    zone: str, expression: str, start: str, both: list[str]
) -> None:
    for repeat, expected in (("Both", both), ("First", [both[0], both[2]])):
        parsed, at, found = cron.parse(expression, zone, "Skip", repeat), instant(start), []
        for _ in expected:
            at = parsed.after(at) or 0
            found.append(datetime.fromtimestamp(at / 1000, UTC).strftime("%m-%dT%H:%M"))
        assert found == expected


@pytest.mark.parametrize(
    ("zone", "expression", "change"),
    [
        ("Australia/Lord_Howe", "10,20 2 * * *", "2026-10-03T15:30Z"),
        ("America/Havana", "@daily", "2025-03-09T05:00Z"),
        ("Africa/Cairo", "30 0 * * *", "2025-04-24T22:00Z"),
        ("Asia/Beirut", "0 0 * * *", "2025-03-29T22:00Z"),
        ("Antarctica/Troll", "*/30 1,2 * * *", "2026-03-29T01:00Z"),
        ("Pacific/Apia", "0 8-20 30 * *", "2011-12-30T10:00Z"),
    ],
)
def test_what_does_not_exist_comes_when_the_gap_ends_or_not_at_all(zone: str, expression: str, change: str) -> None:
    at = instant(change)
    assert cron.parse(expression, zone).after(at - 1000) == at
    assert cron.parse(expression, zone).after(at - 3_600_000) == at
    skipped = cron.parse(expression, zone, "Skip").after(at - 1000)
    assert skipped is not None
    assert skipped > at + 3_600_000


def test_what_a_job_chose_is_part_of_its_schedule() -> None:
    parsed = cron.parse("0 0 * * *", "UTC", "Skip", "Both")
    assert (parsed.gap, parsed.repeat) == ("Skip", "Both")
    assert parsed is not cron.parse("0 0 * * *", "UTC", "Skip", "First")
    assert parsed.zone is cron.parse("1 0 * * *", "UTC").zone
