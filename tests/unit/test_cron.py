"""Cron expressions: days on which the clocks change, faults, and what is one expression."""

from datetime import UTC, datetime

import pytest

from kronstream.domain import cron

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


def test_days_of_month_or_of_week() -> None:
    assert following("0 0 13 * 5", "UTC", "2026-02-07T00:00Z", 4) == [
        "02-13T00:00",
        "02-20T00:00",
        "02-27T00:00",
        "03-06T00:00",
    ]
    assert following("0 0 L * *", "UTC", "2028-02-01T00:00Z", 2) == ["02-29T00:00", "03-31T00:00"]
    assert following("0 0 29 2 *", "UTC", "2026-01-01T00:00Z", 1) == ["02-29T00:00"]
    assert following("0 0 * * 7", "UTC", "2026-01-01T00:00Z", 1) == following(
        "0 0 * * SUN", "UTC", "2026-01-01T00:00Z", 1
    )


@pytest.mark.parametrize(
    ("range_", "value"),
    [
        ("5-5 * * * *", "5 * * * *"),
        ("0 3-3 * * *", "0 3 * * *"),
        ("0 3-3/2 * * *", "0 3 * * *"),
        ("0 3-03,5-7 * * *", "0 3,5-7 * * *"),
        ("0 0 4-4 * *", "0 0 4 * *"),
        ("0 0 1 feb-2 *", "0 0 1 2 *"),
        ("0 0 * * SUN-sun", "0 0 * * 0"),
    ],
)
def test_a_range_from_a_value_to_itself_is_that_value(range_: str, value: str) -> None:
    start = "2026-01-01T00:00Z"
    assert following(range_, "UTC", start, 30) == following(value, "UTC", start, 30)


def test_a_range_may_go_over_the_end() -> None:
    assert following("0 23-1 * * *", "UTC", "2026-01-01T12:00Z", 3) == ["01-01T23:00", "01-02T00:00", "01-02T01:00"]


def test_leap_day_over_a_century() -> None:
    assert cron.parse("0 0 29 2 *").after(instant("2096-02-29T00:00Z")) == instant("2104-02-29T00:00Z")


def test_instants_between_seconds() -> None:
    parsed = cron.parse("* * * * *")
    assert [parsed.after(at) for at in (59_999, 60_000, 60_001, -1)] == [60_000, 120_000, 120_000, 0]


def test_there_is_an_end_of_time() -> None:
    for zone in ("UTC", "America/New_York"):
        for expression in ("0 0 * * *", "0 * * * *"):
            parsed = cron.parse(expression, zone)
            assert parsed.after(instant("9998-12-31T23:30Z")) in (None, instant("9998-12-31T23:00Z") + 3_600_000)
            assert parsed.after(instant("9999-06-01T00:00Z")) is None


@pytest.mark.parametrize(("name", "text"), sorted(cron.MACROS.items()))
def test_names_stand_for_expressions(name: str, text: str) -> None:
    assert cron.parse(name.upper()).expression == text
    assert cron.parse(f"  {name} ").expression == text


def test_equal_texts_share_one_object() -> None:
    assert cron.parse("0 0 * * *", "UTC") is cron.parse("0 0 * * *", "UTC")
    assert cron.parse("0 0 * * *", "UTC") is not cron.parse("0 0 * * *", "Europe/Berlin")


FIVE = "write five: minute, hour, day of month, month, day of week"
DAYS_OF_WEEK = "write 0-7 (0 and 7 are Sunday) or SUN-SAT, lists, ranges or steps"
MACROS = "write one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually, or five fields"
FAULTS = [
    ("", f"'' has 0 fields; {FIVE}"),
    ("5", f"'5' has 1 field; {FIVE}"),
    ("* * * *", f"'* * * *' has 4 fields; {FIVE}"),
    ("0 * * * * *", f"'0 * * * * *' has 6 fields; {FIVE}"),
    ("60 * * * *", "'60 * * * *': the minute field '60' is not valid; write 0-59, lists, ranges or steps such as */5"),
    ("* 24 * * *", "'* 24 * * *': the hour field '24' is not valid; write 0-23, lists, ranges or steps such as */2"),
    (
        "* * 0 * *",
        "'* * 0 * *': the day of month field '0' is not valid; write 1-31, lists, ranges, steps or L for the last day",
    ),
    ("* * * 13 *", "'* * * 13 *': the month field '13' is not valid; write 1-12 or JAN-DEC, lists, ranges or steps"),
    (
        "* * * * 8",
        "'* * * * 8': the day of week field '8' is not valid; " + DAYS_OF_WEEK,
    ),
    (
        "*/0 * * * *",
        "'*/0 * * * *': the minute field '*/0' is not valid; write 0-59, lists, ranges or steps such as */5",
    ),
    ("H * * * *", "'H * * * *': the minute field 'H' is not supported; write numbers, ranges or steps"),
    ("0 0-R * * *", "'0 0-R * * *': the hour field '0-R' is not supported; write numbers, ranges or steps"),
    ("@every 5m", "'@every 5m' is not a cron expression; write `every: 5m` instead"),
    ("@every", "'@every' is not a cron expression; write `every: 90s` instead"),
    (
        "@reboot",
        "'@reboot' is not known; " + MACROS,
    ),
    ("0 0 30 2 *", "'0 0 30 2 *' never comes: no day matches it"),
    ("0 0 31 4,6 *", "'0 0 31 4,6 *' never comes: no day matches it"),
]


@pytest.mark.parametrize(("expression", "message"), FAULTS)
def test_a_fault_says_what_to_write(expression: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 the whole text is compared
        cron.parse(expression)
    assert str(caught.value) == message


def test_a_fault_of_no_single_field_is_told_in_the_parsers_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(text: str, start: float, **options: object) -> None:
        if options:
            raise cron.CroniterError("these two do not go together")

    monkeypatch.setattr(cron, "croniter", refuse)
    with pytest.raises(ValueError, match="'1 1 1 1 1' is not a cron expression: these two do not go together"):
        cron.parse("1 1 1 1 1")
