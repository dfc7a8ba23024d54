"""Recurrence rules: what dateutil says of the clock, what the zone makes of it, and what is refused."""

from datetime import datetime

import pytest

from kronstream.domain import cron, recurrence
from kronstream.domain.dst import Gap, Repeat
from kronstream.domain.recurrence import Recurrence
from kronstream.domain.schedule import said

START = "20260105T090000"  # a Monday
DAY = 86_400_000
EPOCH = datetime(1970, 1, 1)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


NEW_YEAR = ms("2026-01-01T00:00:00Z")


def rule(
    text: str, zone: str = "UTC", start: str = START, gap: Gap = "RunAfter", repeat: Repeat = "First"
) -> Recurrence:
    return recurrence.parse(text, start, zone, gap, repeat)


def instants(schedule: Recurrence, number: int = 5, after: int = NEW_YEAR) -> list[str]:
    found, at = [], schedule.after(after)
    while at is not None and len(found) < number:
        found.append(said(at))
        at = schedule.after(at)
    return found


# --- what a rule says ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;BYHOUR=9;BYMINUTE=0", ["2026-01-05T09", "2026-01-19T09", "2026-02-02T09"]),
        ("RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=SU", ["2026-01-11T09", "2026-01-25T09"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=SU", ["2026-01-18T09", "2026-02-01T09"]),
        ("freq=weekly", ["2026-01-05T09", "2026-01-12T09"]),
        ("FREQ=DAILY;INTERVAL=30", ["2026-01-05T09", "2026-02-04T09", "2026-03-06T09"]),
        ("FREQ=MONTHLY", ["2026-01-05T09", "2026-02-05T09"]),
        ("FREQ=MONTHLY;BYDAY=-1FR", ["2026-01-30T09", "2026-02-27T09"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", ["2026-01-30T09", "2026-02-27T09", "2026-03-31T09"]),
        ("FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR", ["2026-02-13T09", "2026-03-13T09", "2026-11-13T09"]),
        ("FREQ=YEARLY;INTERVAL=2", ["2026-01-05T09", "2028-01-05T09"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", ["2028-02-29T09", "2032-02-29T09"]),
        ("FREQ=YEARLY;BYYEARDAY=-1,100", ["2026-04-10T09", "2026-12-31T09"]),
        ("FREQ=YEARLY;BYWEEKNO=53;BYDAY=FR", ["2027-01-01T09", "2032-12-31T09"]),
        ("FREQ=YEARLY;BYDAY=20MO", ["2026-05-18T09", "2027-05-17T09"]),
        ("FREQ=HOURLY;INTERVAL=36", ["2026-01-05T09", "2026-01-06T21", "2026-01-08T09"]),
        ("FREQ=HOURLY;INTERVAL=5;BYHOUR=3", ["2026-01-09T03", "2026-01-14T03"]),
        ("FREQ=MINUTELY;INTERVAL=90;BYDAY=WE;BYHOUR=12", ["2026-01-07T12", "2026-01-14T12", "2026-01-21T12"]),
        ("FREQ=MINUTELY;INTERVAL=20160", ["2026-01-05T09", "2026-01-19T09"]),
    ],
)
def test_what_a_rule_says(text: str, expected: list[str]) -> None:
    assert [at[:13] for at in instants(rule(text), len(expected))] == expected


def test_a_plain_weekday_beside_an_ordinal_is_one_more() -> None:
    # dateutil by itself would take only days that are both
    assert instants(rule("FREQ=MONTHLY;BYDAY=1TU,SA"), 3) == [
        "2026-01-06T09:00:00Z",
        "2026-01-10T09:00:00Z",
        "2026-01-17T09:00:00Z",
    ]


def test_the_set_of_a_week_holds_the_days_before_the_start() -> None:
    # dateutil counts the first week from its start on, so that Thursday would be its first day
    assert instants(rule("FREQ=WEEKLY;BYDAY=MO,TH;BYSETPOS=1", start="20260107T090000"), 1) == ["2026-01-12T09:00:00Z"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FREQ=DAILY;BYHOUR=9,17;BYMINUTE=0,30;BYSETPOS=2,-1,9", ["09:30:00", "17:30:00"]),
        ("FREQ=HOURLY;BYMINUTE=10,20,30;BYSETPOS=-1", ["09:30:00", "10:30:00"]),
        ("FREQ=MINUTELY;BYSECOND=10,20,30;BYSETPOS=2", ["09:00:20", "09:01:20"]),
    ],
)
def test_positions_choose_from_times_too(text: str, expected: list[str]) -> None:
    assert [at[11:19] for at in instants(rule(text), 2)] == expected


# --- the clock of a zone ---

ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Antarctica/Troll", "Pacific/Apia", "Africa/Cairo")
CHANGES = {
    "Europe/Berlin": "2026-03-29T01:00:00Z 2026-10-25T01:00:00Z",
    "Australia/Lord_Howe": "2026-04-04T15:00:00Z 2026-10-03T15:30:00Z",
    "America/Havana": "2026-03-08T05:00:00Z 2025-11-02T05:00:00Z",
    "Antarctica/Troll": "2026-03-29T01:00:00Z 2026-10-25T01:00:00Z",
    "Pacific/Apia": "2011-12-30T10:00:00Z 2011-09-24T14:00:00Z",
    "Africa/Cairo": "2026-04-23T22:00:00Z 2026-10-29T21:00:00Z",
}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("gap", ["RunAfter", "Skip"])
@pytest.mark.parametrize("repeat", ["First", "Both"])
def test_changed_clocks_mean_what_they_mean_for_cron(zone: str, gap: Gap, repeat: Repeat) -> None:
    same = {
        "FREQ=DAILY;BYHOUR=0,1,2,3,23;BYMINUTE=0,15,30,45": "*/15 0-3,23 * * *",
        "FREQ=HOURLY;INTERVAL=2;BYMINUTE=10": "10 */2 * * *",
        "FREQ=MINUTELY": "* 0-23 * * *",
    }
    for text, expression in same.items():
        ours = rule(text, zone, "20100101T000000", gap, repeat)
        theirs = cron.parse(expression, zone, gap, repeat)
        for change in CHANGES[zone].split():
            at = ms(change) - DAY
            while at < ms(change) + 2 * DAY:
                following = ours.after(at)
                assert following is not None
                assert following == theirs.after(at), (text, said(at))
                at = following


def test_a_rule_that_ends_in_a_repeated_hour_ends_after_its_second_pass() -> None:
    text = "FREQ=HOURLY;UNTIL=20261025T023000"
    ours = rule(text, "Europe/Berlin", "20261025T013000", repeat="Both")
    assert instants(ours) == ["2026-10-24T23:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]
    assert instants(rule(text, "Europe/Berlin", "20261025T013000")) == ["2026-10-24T23:30:00Z", "2026-10-25T00:30:00Z"]


# --- where it begins and ends ---


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("FREQ=DAILY;COUNT=3", [5, 6, 7]),
        ("FREQ=DAILY;UNTIL=20260107T090000", [5, 6, 7]),
        ("FREQ=DAILY;UNTIL=20260107T085959", [5, 6]),
        ("FREQ=DAILY;UNTIL=20260107", [5, 6, 7]),
        ("FREQ=DAILY;UNTIL=20260107T080000Z", [5, 6, 7]),
        ("FREQ=DAILY;UNTIL=20260107T075959Z", [5, 6]),
        ("DTSTART:20260110T070000\nRRULE:FREQ=DAILY;COUNT=2", [10, 11]),
        ("DTSTART;TZID=Europe/Berlin:20260110T070000\n\nRRULE:FREQ=DAILY;COUNT=2", [10, 11]),
        ('DTSTART;TZID="Europe/Berlin";VALUE=DATE-TIME:20260110T070000\nRRULE:FREQ=DAILY;COUNT=2', [10, 11]),
        ("DTSTART;VALUE=DATE:20260110\nRRULE:FREQ=DAILY;BYHOUR=3;COUNT=2", [10, 11]),
        ("RRULE:FREQ=DAILY;\n COUNT=2", [5, 6]),
        ("RRULE:FREQ=DAILY;COUNT=4\nEXDATE:20260106T090000,20260107T080000Z", [5, 8]),
        ("RRULE:FREQ=DAILY;COUNT=4\nEXDATE;VALUE=DATE:20260106\nEXDATE:20260107", [5, 8]),
        ("RRULE:FREQ=DAILY;COUNT=4\nEXDATE:20260106T090001", [5, 6, 7, 8]),
        ("RRULE:FREQ=DAILY;COUNT=2\nRDATE:20260120T120000,20260103T090000,20260105T090000", [3, 5, 6, 20]),
        ("RRULE:FREQ=DAILY;COUNT=2\nRDATE:20260120T120000\nEXDATE:20260120", [5, 6]),
        ("RRULE:FREQ=MONTHLY;BYMONTHDAY=5;COUNT=5;BYHOUR=9,10,11\nEXDATE:20260105", []),
    ],
)
def test_where_a_rule_begins_and_ends(text: str, days: list[int]) -> None:
    found = instants(rule(text, "Europe/Berlin"), 9)
    assert [int(at[8:10]) for at in found if at < "2026-02"] == days


def test_a_count_is_counted_inside_a_day() -> None:
    assert instants(rule("FREQ=DAILY;BYHOUR=8,9,10;COUNT=3"), 9) == [
        "2026-01-05T09:00:00Z",
        "2026-01-05T10:00:00Z",
        "2026-01-06T08:00:00Z",
    ]


def test_without_a_start_a_rule_counts_from_the_minute_after_its_creation() -> None:
    created = ms("2026-01-05T10:15:37Z")
    text, start = recurrence.anchored("rrule: freq = daily ; COUNT=2", "Europe/Berlin", created)
    assert (text, start) == ("FREQ=DAILY;COUNT=2", "20260105T111600")
    assert instants(rule(text, "Europe/Berlin", start), 9, created) == ["2026-01-05T10:16:00Z", "2026-01-06T10:16:00Z"]


def test_an_hour_without_a_minute_is_the_full_hour_unless_a_start_says_otherwise() -> None:
    created = ms("2026-01-05T10:15:37Z")
    assert recurrence.anchored("FREQ=DAILY;BYHOUR=9\nEXDATE:20260106", "UTC", created) == (
        "FREQ=DAILY;BYHOUR=9;BYMINUTE=0\nEXDATE:20260106",
        "20260105T101600",
    )
    assert recurrence.anchored("FREQ=DAILY;BYHOUR=9;BYMINUTE=5", "UTC", created)[0] == "FREQ=DAILY;BYHOUR=9;BYMINUTE=5"
    assert recurrence.anchored("DTSTART:20260101T001234\nRRULE:FREQ=DAILY;BYHOUR=9", "UTC", created) == (
        "FREQ=DAILY;BYHOUR=9",
        "20260101T001234",
    )


def test_a_normalised_text_is_its_own_normal_form() -> None:
    text = (
        "EXDATE:20260107T080000Z,20260106\nRDATE:20270101T000000\n"
        "RRULE:BYDAY=MO;FREQ=WEEKLY\nDTSTART:20260105T090000\nEXDATE:20260106T090000"
    )
    normal, start = recurrence.anchored(text, "Europe/Berlin", 0)
    assert normal == ("FREQ=WEEKLY;BYDAY=MO\nEXDATE:20260106,20260106T090000,20260107T090000\nRDATE:20270101T000000")
    assert start == START
    assert recurrence.anchored(f"DTSTART:{start}\n{normal}", "Europe/Berlin", 0) == (normal, start)
    assert rule(normal, "Europe/Berlin").text == normal.replace("\n", " ")


def test_how_close_two_instants_may_be() -> None:
    assert rule("FREQ=MINUTELY").granule == 60_000
    assert rule("FREQ=DAILY;BYSECOND=0,30").granule == 1_000
    assert rule("FREQ=DAILY\nRDATE:20260101T000000").granule == 60_000
    assert rule("FREQ=DAILY\nRDATE:20260101T000001").granule == 1_000


def test_instants_are_counted() -> None:
    assert rule("FREQ=DAILY").count(NEW_YEAR, NEW_YEAR + 30 * DAY, 99) == (26, True)
    assert rule("FREQ=DAILY").count(NEW_YEAR, NEW_YEAR + 30 * DAY, 9) == (9, False)


# --- why there is nothing left ---


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
            "the rule never comes: no date within 100 years matches FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        ),
        ("FREQ=DAILY;COUNT=3", "the rule has ended: COUNT=3 allows nothing after 20260107T090000 in Europe/Berlin"),
        (
            "FREQ=DAILY;UNTIL=20260107",
            "the rule has ended: UNTIL=20260107 allows nothing after 20260107T235959 in Europe/Berlin",
        ),
        ("FREQ=DAILY;UNTIL=20250107", "the rule has ended: UNTIL=20250107 allows nothing after 20250107T235959 in"),
        ("FREQ=DAILY;COUNT=2\nEXDATE:20260106,20260105", "every time that the rule has left is excluded by its EXDATE"),
        ("FREQ=YEARLY;INTERVAL=99999", "the rule has no date within 100 years of 20"),
    ],
)
def test_why_there_is_no_next_instant(text: str, why: str) -> None:
    ours, at = rule(text, "Europe/Berlin"), NEW_YEAR
    while (following := ours.after(at)) is not None:
        at = following
    assert ours.why_none(at).startswith(why)


def test_the_zone_is_known() -> None:
    assert rule("FREQ=DAILY", "Europe/Berlin").zone.name == "Europe/Berlin"
