"""The when-fields, normalised."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain.errors import Invalid
from kronstream.domain.exclusion import Excluding
from kronstream.domain.recurrence import Recurrence
from kronstream.domain.schedule import CronSchedule, Every, Once, Union, Within, said
from kronstream.domain.when import When

CREATED = 1_800_000_000_000  # 2027-01-15T08:00:00Z
DAY = 86_400_000


def when(**fields: Any) -> When:
    return When.of(**{"identity": "team/job", "created": CREATED, **fields})


def following(form: When, number: int = 1) -> list[str]:
    schedule, found, at = form.schedule(), [], CREATED
    assert schedule is not None
    while len(found) < number and (after := schedule.after(at)) is not None:
        found.append(said(at := after))
    return found


# --- what becomes a schedule ---


def test_a_cron_expression_becomes_a_schedule_in_its_zone() -> None:
    form = when(schedule="0 12 * * *", time_zone="Asia/Kathmandu")
    assert isinstance(form.schedule(), CronSchedule)
    assert following(form) == ["2027-01-16T06:15:00Z"]


def test_an_interval_counts_from_its_anchor_or_the_jobs_creation() -> None:
    assert when(every=5000).schedule() == Every(5000, CREATED)
    assert when(every=5000, anchor=7).schedule() == Every(5000, 7)
    assert When(every=5000).schedule() == Every(5000, 0)


def test_an_instant_comes_once() -> None:
    assert when(run_at=5).schedule() == Once(5)


def test_a_job_without_a_time_runs_only_when_asked() -> None:
    assert when().schedule() is None
    assert when(not_before=5, exclude=["2027-01-16"], time_zone="Europe/Berlin").schedule() is None
    assert when().dump() == "{}"
    assert When.load("{}") == when()


def test_several_schedules_are_one() -> None:
    form = when(schedules=["0 12 * * *", "0 9 * * *", "0  12 * * *"])
    assert isinstance(form.schedule(), Union)
    assert following(form, 3) == ["2027-01-15T09:00:00Z", "2027-01-15T12:00:00Z", "2027-01-16T09:00:00Z"]


def test_a_rule_counts_from_its_start_or_the_jobs_creation() -> None:
    form = when(rrule="FREQ=WEEKLY;INTERVAL=2", time_zone="Europe/Berlin")
    assert isinstance(form.schedule(), Recurrence)
    assert following(form, 2) == ["2027-01-15T08:01:00Z", "2027-01-29T08:01:00Z"]
    started = when(rrule="DTSTART:20270104T100000\nRRULE:FREQ=WEEKLY;INTERVAL=2", time_zone="Europe/Berlin")
    assert following(started) == ["2027-01-18T09:00:00Z"]


def test_what_happens_when_clocks_change_is_passed_on() -> None:
    for form in ({"schedule": "30 2 * * *"}, {"rrule": "FREQ=DAILY;BYHOUR=2;BYMINUTE=30"}):
        berlin = {**form, "time_zone": "Europe/Berlin", "created": CREATED}
        first = [when(**berlin, gap=gap).schedule().after(1_806_148_800_000) for gap in ("RunAfter", "Skip")]  # type: ignore[union-attr]
        assert [said(at) for at in first if at] == ["2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"]
        second = when(**berlin, repeat="Both").schedule().count(1_824_897_600_000, 1_824_984_000_000, 9)  # type: ignore[union-attr]
        assert second == (2, True)


def test_limits_lie_inside_exclusions() -> None:
    form = when(
        schedule="0 12 * * *",
        not_before=CREATED + DAY,
        not_after=CREATED + 5 * DAY,
        exclude=["2027-01-17", "* * * * MON"],
    )
    schedule = form.schedule()
    assert isinstance(schedule, Excluding)
    assert isinstance(schedule.inner, Within)
    assert following(form, 9) == ["2027-01-16T12:00:00Z", "2027-01-19T12:00:00Z"]
    assert isinstance(when(every=5000, not_before=5).schedule(), Within)
    assert isinstance(when(every=5000, not_after=5).schedule(), Within)


def test_days_are_excluded_in_the_jobs_zone() -> None:
    form = when(every=3_600_000, exclude=["2027-01-15"], time_zone="Asia/Tokyo")
    assert following(form) == ["2027-01-15T15:00:00Z"]
    assert following(when(every=3_600_000, exclude=["2027-01-15"])) == ["2027-01-16T00:00:00Z"]


def test_h_is_resolved_for_the_job() -> None:
    form = when(schedule="H H(3-4) * * *")
    assert form.cron is not None
    assert "H" not in form.cron
    assert when(schedule="H H(3-4) * * *") == form
    assert len({when(schedule="H H * * *", identity=f"team/{n}").cron for n in range(40)}) > 30


# --- the normalised text ---

STORED = [
    ({"schedule": "0  12 * * * "}, {"cron": "0 12 * * *", "zone": "UTC"}),
    ({"schedule": "0 12 * * *", "time_zone": "Europe/Berlin"}, {"cron": "0 12 * * *", "zone": "Europe/Berlin"}),
    ({"every": 5000}, {"every": 5000, "anchor": CREATED}),
    ({"every": 5000, "anchor": 0}, {"every": 5000, "anchor": 0}),
    ({"run_at": 5}, {"at": 5}),
    ({"schedules": ["@daily"]}, {"cron": "@daily", "zone": "UTC"}),
    (
        {"schedules": ["2 * * * *", "1 * * * *", "2  * * * *"]},
        {"crons": ["1 * * * *", "2 * * * *"], "zone": "UTC"},
    ),
    (
        {"rrule": "RRULE:BYHOUR=9;FREQ=DAILY"},
        {"rrule": "FREQ=DAILY;BYHOUR=9;BYMINUTE=0", "start": "20270115T080100", "zone": "UTC"},
    ),
    (
        {"rrule": "DTSTART:20270101T000000\nRRULE:FREQ=DAILY\nEXDATE:20270102", "gap": "Skip", "repeat": "Both"},
        {
            "rrule": "FREQ=DAILY\nEXDATE:20270102",
            "start": "20270101T000000",
            "zone": "UTC",
            "gap": "Skip",
            "repeat": "Both",
        },
    ),
    ({"every": 5000, "anchor": 0, "gap": "Skip", "repeat": "Both"}, {"every": 5000, "anchor": 0}),
    ({"every": 5000, "anchor": 0, "time_zone": "Europe/Berlin"}, {"every": 5000, "anchor": 0}),
    (
        {"every": 5000, "anchor": 0, "exclude": ["2027-01-02", "* 9  * * *", "2027-01-02"], "not_before": 1},
        {"every": 5000, "anchor": 0, "exclude": ["* 9 * * *", "2027-01-02"], "zone": "UTC", "not_before": 1},
    ),
    (
        {"schedule": "@daily", "not_after": 9, "end_runs": 3, "end_successes": 2},
        {"cron": "@daily", "zone": "UTC", "not_after": 9, "end_runs": 3, "end_successes": 2},
    ),
    ({}, {}),
]


@pytest.mark.parametrize(("fields", "stored"), STORED)
def test_what_is_stored(fields: dict[str, Any], stored: dict[str, Any]) -> None:
    form = when(**fields)
    assert form.dump() == json.dumps(stored, sort_keys=True)
    assert When.load(form.dump()) == form
    assert When.load(form.dump()).dump() == form.dump()


def test_what_the_version_before_stored_is_read() -> None:
    assert When.load('{"cron": "0 12 * * *", "zone": "UTC"}') == when(schedule="0 12 * * *")
    assert When.load('{"anchor": 0, "every": 5000}') == when(every=5000, anchor=0)
    assert When.load('{"at": 5}') == when(run_at=5)


def test_what_means_something_else_is_another_text() -> None:
    texts = {json.dumps(stored, sort_keys=True) for _, stored in STORED}
    assert len(texts) == len(STORED) - 2  # anchor 0 stands there three times


@pytest.mark.parametrize("text", ['{"colour":"red"}', '{"written": []}', "[1]", "", "nonsense", "5"])
def test_what_is_no_stored_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a normalised when|Expecting value"):
        When.load(text)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (when(schedule=" 17  3 * * *"), "17 3 * * *"),
        (when(schedules=["0 9 * * *", "0 17 * * *"]), "0 17 * * *; 0 9 * * *"),
        (when(rrule="rrule:freq=daily\nEXDATE:20270102"), "FREQ=DAILY EXDATE:20270102"),
        (when(every=90_000), "1m30s"),
        (when(run_at=CREATED), "2027-01-15T08:00:00Z"),
        (when(), "on demand"),
    ],
)
def test_the_text_that_a_person_reads(form: When, text: str) -> None:
    assert form.text == text


# --- faults ---


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"schedule": "0 0 * * *", "time_zone": "Mars/Olympus"}, "spec.timeZone: 'Mars/Olympus' is not in the tz data"),
        ({"rrule": "FREQ=DAILY", "time_zone": "Mars/Olympus"}, "spec.timeZone: 'Mars/Olympus' is not in the tz data"),
        ({"every": 1, "exclude": ["2027-01-01"], "time_zone": "X"}, "spec.timeZone: 'X' is not in the tz database"),
        ({"schedule": "0 25 * * *"}, "spec.schedule: '0 25 * * *'"),
        ({"schedules": ["0 9 * * *", "0 25 * * *"]}, "spec.schedules[1]: '0 25 * * *'"),
        ({"schedules": ["0 9 * * *", "0 8 * * *", "0 25 * * *", "0  25 * * *"]}, "spec.schedules[2]: '0 25 * * *'"),
        ({"schedules": ["0 25 * * *"]}, "spec.schedules[0]: '0 25 * * *'"),
        ({"rrule": "FREQ=DAILY;BYHOUR=24"}, "spec.rrule: BYHOUR=24 is not valid; write 0 to 23"),
        ({"rrule": ""}, "spec.rrule: there is no rule; write one like"),
        ({"every": 1, "exclude": ["2027-01-01", "2027-1-1"]}, "spec.exclude[1]: '2027-1-1' is not a date; write"),
        ({"exclude": ["2027-1-1"]}, "spec.exclude[0]: '2027-1-1' is not a date; write"),
        (
            {"every": 1, "not_before": CREATED, "not_after": CREATED - 1000},
            "spec.notAfter: 2027-01-15T07:59:59Z is not later than notBefore, 2027-01-15T08:00:00Z; write a notAfter",
        ),
        ({"every": 1, "not_before": CREATED, "not_after": CREATED}, "spec.notAfter: 2027-01-15T08:00:00Z is not later"),
    ],
)
def test_a_fault_names_its_field(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(Invalid) as fault:
        when(**fields).schedule()
    assert str(fault.value).startswith(text)


def test_a_stored_text_that_no_longer_holds_names_the_field_without_its_place() -> None:
    for stored, field in (
        ('{"crons": ["0 25 * * *", "0 9 * * *"], "zone": "UTC"}', "spec.schedules"),
        ('{"every": 5, "exclude": ["x"], "zone": "UTC"}', "spec.exclude"),
        ('{"rrule": "FREQ=DAILY", "zone": "UTC"}', "spec.rrule"),
    ):
        with pytest.raises(Invalid) as fault:
            When.load(stored).schedule()
        assert fault.value.field == field


@pytest.mark.parametrize("fields", [{"schedule": "H(9-3) * * * *"}, {"schedules": ["@daily", "H(0-99) * * * *"]}])
def test_an_h_that_cannot_be_resolved_is_said_at_once(fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as fault:
        when(**fields)
    assert fault.value.field == ("spec.schedule" if "schedule" in fields else "spec.schedules[1]")


def test_an_expression_that_never_matches_is_taken() -> None:
    schedule = when(schedule="0 0 31 2 *").schedule()
    assert schedule is not None
    assert schedule.after(CREATED) is None
    assert "never comes" in schedule.why_none(CREATED)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "schedules": st.lists(st.sampled_from(["@daily", "H * * * *", "0  9 * * *", "nonsense"]), max_size=3),
            "time_zone": st.sampled_from(["UTC", "Europe/Berlin", "Mars"]),
            "rrule": st.sampled_from(["FREQ=DAILY", "nonsense", "DTSTART:20270101T000000\nRRULE:FREQ=DAILY"]),
            "every": st.integers(1000, 10**9),
            "not_before": st.integers(0, 10**13),
            "exclude": st.lists(st.sampled_from(["2027-01-01", "* * * * 0", "nonsense"]), max_size=3),
            "gap": st.sampled_from(["RunAfter", "Skip"]),
        },
    )
)
def test_what_was_stored_means_the_same(fields: dict[str, Any]) -> None:
    form = when(**fields)
    again = When.load(form.dump())
    assert (again, again.dump()) == (form, form.dump())
    try:
        schedule = form.schedule()
    except Invalid:
        with pytest.raises(Invalid):
            again.schedule()
        return
    read = again.schedule()
    assert (read is None) == (schedule is None)
    assert schedule is None or (read is not None and read.after(CREATED) == schedule.after(CREATED))
