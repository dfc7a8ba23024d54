"""The text of a recurrence: what is refused, and what to write instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain import recurrence
from kronstream.domain.recurrence import Recurrence
from kronstream.domain.schedule import said

START = "20260105T090000"  # a Monday
NEW_YEAR = 1_767_225_600_000  # 2026


def rule(text: str, zone: str = "UTC", start: str = START) -> Recurrence:
    return recurrence.parse(text, start, zone)


REFUSED = [
    ("", "there is no rule; write one like RRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0"),
    ("BYDAY=MO", "the rule has no FREQ; write one like FREQ=WEEKLY"),
    ("FREQ=SECONDLY", "FREQ=SECONDLY is not supported; write `every: 30s`, or a schedule of six fields"),
    ("FREQ=OFTEN", "FREQ=OFTEN is not known; write one of YEARLY, MONTHLY, WEEKLY, DAILY, HOURLY, MINUTELY"),
    ("every monday", "'EVERYMONDAY' is no part of a rule; write some of FREQ, INTERVAL"),
    ("FREQ=DAILY;BYEASTER=1", "'BYEASTER=1' is no part of a rule"),
    ("FREQ=DAILY;INTERVAL", "INTERVAL has no value; write INTERVAL=... or leave it out"),
    ("FREQ=DAILY;BYDAY=", "BYDAY has no value"),
    ("FREQ=DAILY;FREQ=DAILY", "FREQ is there twice; write it once"),
    ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0 is not valid; write 1 to 1000000"),
    ("FREQ=DAILY;COUNT=5001", "COUNT=5001 is not valid; write 1 to 5000; for more, use UNTIL or endAfter"),
    ("FREQ=DAILY;COUNT=x", "COUNT=X is not valid"),
    ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "COUNT and UNTIL are both there; write one of them"),
    ("FREQ=DAILY;BYHOUR=24", "BYHOUR=24 is not valid; write 0 to 23"),
    ("FREQ=DAILY;BYMONTH=-1", "BYMONTH=-1 is not valid; write 1 to 12"),
    ("FREQ=DAILY;BYMONTHDAY=0", "BYMONTHDAY=0 is not valid; write 1 to 31, or -31 to -1 from the end"),
    ("FREQ=DAILY;BYHOUR=9,,10", "BYHOUR= is not valid"),
    ("FREQ=DAILY;WKST=XX", "WKST=XX is not a weekday; write one of MO, TU"),
    ("FREQ=DAILY;BYDAY=MON", "BYDAY=MON is not valid; write MO to SU, or like 2MO and -1FR with an ordinal"),
    ("FREQ=MONTHLY;BYDAY=0MO", "BYDAY=0MO is not valid"),
    ("FREQ=YEARLY;BYDAY=54MO", "BYDAY=54MO is not valid"),
    ("FREQ=WEEKLY;BYDAY=2MO", "an ordinal in BYDAY does not go with FREQ=WEEKLY; write weekdays like BYDAY=MO"),
    ("FREQ=YEARLY;BYWEEKNO=2;BYDAY=2MO", "an ordinal in BYDAY does not go with BYWEEKNO"),
    ("FREQ=YEARLY;BYWEEKNO=2", "BYWEEKNO does not say which day; write it with BYDAY"),
    ("FREQ=MONTHLY;BYWEEKNO=2", "BYWEEKNO does not go with FREQ=MONTHLY; write it with FREQ=YEARLY"),
    ("FREQ=DAILY;BYYEARDAY=2", "BYYEARDAY does not go with FREQ=DAILY; write it with FREQ=YEARLY"),
    ("FREQ=WEEKLY;BYMONTHDAY=2", "BYMONTHDAY does not go with FREQ=WEEKLY; write it with FREQ=MONTHLY"),
    ("FREQ=WEEKLY;BYSETPOS=2", "BYSETPOS chooses from what other parts give; write one of them too"),
    ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL: 'TOMORROW' is not a time; write one like 20260105T090000"),
    ("FREQ=DAILY;UNTIL=20260230", "UNTIL: '20260230' is no time of any calendar"),
    ("FREQ=DAILY;UNTIL=99990230", "UNTIL: '99990230' is no time of any calendar"),
    ("FREQ=DAILY;UNTIL=99990101", "UNTIL: '99990101' is too far away; write a year from 1970 to 2199"),
    ("RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY", "there are two rules; write one"),
    ("DTSTART:20260101T000000", "there is no rule"),
    ("DTSTART:20260101T000000,20260102T000000\nRRULE:FREQ=DAILY", "there is more than one DTSTART; write one"),
    ("DTSTART;TZID=Europe/Paris:20260101T000000\nRRULE:FREQ=DAILY", "DTSTART names the zone Europe/Paris, the job"),
    (
        "EXDATE;TZID=Europe/Paris:20260101T000000\nRRULE:FREQ=DAILY",
        "EXDATE names the zone Europe/Paris, the job Europe",
    ),
    ("DTSTART;X-A=1:20260101T000000\nRRULE:FREQ=DAILY", "DTSTART has an unknown parameter 'X-A=1'"),
    ("DTSTART:20260101T080000Z\nRRULE:FREQ=DAILY", "DTSTART:20260101T080000Z is in UTC, the rule is evaluated in Eu"),
    ("EXRULE:FREQ=DAILY\nRRULE:FREQ=DAILY", "EXRULE is not supported; write an EXDATE line or the job's exclude"),
    ("VEVENT:1\nRRULE:FREQ=DAILY", "the line 'VEVENT:1' is not known; write lines that begin with DTSTART, RRULE"),
    ("RRULE;X=1:FREQ=DAILY", "the line 'RRULE;X=1:FREQ=DAILY' is not known"),
    ("RDATE:20260101\nRRULE:FREQ=DAILY", "an RDATE has no time; write one like RDATE:20261224T090000"),
    ("FREQ=DAILY;BYHOUR=" + "9," * 600 + "9", "the rrule has 1219 characters; write at most 1000"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_what_is_refused_says_what_to_write(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as fault:
        rule(text, "Europe/Berlin")
    assert str(fault.value).startswith(message)
    with pytest.raises(ValueError, match=r".") as fault:
        recurrence.anchored(text, "Europe/Berlin", NEW_YEAR)
    assert str(fault.value).startswith(message)


def test_a_start_in_utc_is_answered_with_the_local_time() -> None:
    with pytest.raises(ValueError, match="write the local time without Z, DTSTART:20260701T100000"):
        rule("DTSTART:20260701T080000Z\nRRULE:FREQ=DAILY", "Europe/Berlin")


def test_a_start_in_utc_is_taken_where_the_job_is_in_utc() -> None:
    assert said(rule("DTSTART:20260101T080000Z\nRRULE:FREQ=DAILY").after(NEW_YEAR) or 0) == "2026-01-01T08:00:00Z"


def test_a_start_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="'' is not a time"):
        rule("FREQ=DAILY", start="")


@given(st.text(alphabet="FREQ=DAILYBYMONTH;:,-+0123456789\nUNTILCOUNTEXDATERDATESTZ ", max_size=1000))
def test_nonsense_is_a_value_error(text: str) -> None:
    try:
        rule(text).after(NEW_YEAR)
    except ValueError as error:
        fault = str(error)
    else:
        return
    assert "; write" in fault
