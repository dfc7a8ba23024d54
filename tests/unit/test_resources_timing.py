"""The fields that say when: every form, what they become, and the shapes that are taken."""

import json
from typing import Any

import pytest

from bad_specs import only, spec
from kronstream.domain.when import When
from kronstream.resources import Dst, parse_spec


def test_a_job_may_have_no_time_at_all() -> None:
    read = parse_spec(only())

    assert read.forms == ()
    assert read.when(0, "default/hello") == When()
    assert (read.dst, read.max_concurrent, read.max_queued) == (Dst(gap="RunAfter", repeat="First"), 1, 100)
    assert (read.end_after, read.concurrency_group, read.run_if, read.suspend_after_failures) == (None,) * 4


@pytest.mark.parametrize(
    ("fields", "when"),
    [
        (only(schedule=" 0  5 * * * "), When(cron="0 5 * * *", zone="UTC")),
        (spec(), When(every=10_000, anchor=5_000)),
        (spec(anchor="1970-01-01T00:00:07Z"), When(every=10_000, anchor=7_000)),
        (only(runAt="1970-01-01T00:00:09Z"), When(at=9_000)),
        (only(rrule="FREQ=DAILY", timeZone="Asia/Tokyo"), When(rrule="FREQ=DAILY", zone="Asia/Tokyo")),
        (
            only(
                schedules=["0 5 * * *", "0 4 * * *"],
                timeZone="Europe/Berlin",
                dst={"gap": "Skip"},
                notBefore="1970-01-01T00:00:01Z",
                notAfter="1970-01-01T00:00:02Z",
                exclude=["2026-12-24"],
                endAfter={"successes": 3},
            ),
            When(
                crons=("0 4 * * *", "0 5 * * *"),
                zone="Europe/Berlin",
                gap="Skip",
                not_before=1_000,
                not_after=2_000,
                exclude=("2026-12-24",),
                end_successes=3,
            ),
        ),
    ],
)
def test_a_spec_says_when(fields: dict[str, Any], when: When) -> None:
    read = parse_spec(fields).when(5_000, "default/hello")

    assert (read.cron, read.crons, read.rrule, read.every, read.anchor, read.at) == (
        when.cron,
        when.crons,
        when.rrule,
        when.every,
        when.anchor,
        when.at,
    )
    assert json.loads(read.dump()).items() >= json.loads(when.dump()).items()


def test_every_field_that_says_when_changes_the_when() -> None:
    changes: dict[str, Any] = {
        "schedule": "0 6 * * *",
        "timeZone": "Europe/Berlin",
        "dst": {"repeat": "Both"},
        "notBefore": "2026-12-24T18:00:00Z",
        "notAfter": "2026-12-24T18:00:00Z",
        "exclude": ["2026-12-24"],
        "endAfter": {"runs": 3},
    }
    base = only(schedule="0 5 * * *")

    texts = {parse_spec({**base, field: value}).when(0, "a/b").dump() for field, value in changes.items()}

    assert len(texts | {parse_spec(base).when(0, "a/b").dump()}) == len(changes) + 1


@pytest.mark.parametrize(
    "text",
    [
        "0 0 1-7 JAN,FEB MON#1",
        "*/15 */2 * * *",
        "30 0 9 * * MON-FRI",
        "H H(0-3) * * *",
        "H(0-29)/10 * * * *",
        "0 0 L * ?",
        "0 12 15W * *",
        "0 5 * * 7",
        "\t0 5 * * mon ",
        "@midnight",
        "0 22, 10 * * *",
    ],
)
def test_the_shape_of_a_cron_expression_is_taken_wherever_one_stands(text: str) -> None:
    assert parse_spec(only(schedule=text)).schedule == text
    assert parse_spec(only(schedules=[text])).schedules == (text,)
    assert parse_spec(spec(exclude=[text])).exclude == (text,)


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO",
        "RRULE:freq=daily",
        "DTSTART;TZID=Europe/Berlin:20261123T090000\nRRULE:FREQ=WEEKLY\r\nEXDATE:20261130T090000\n",
    ],
)
def test_the_shape_of_a_rule_is_taken(text: str) -> None:
    assert parse_spec(only(rrule=text)).rrule == text
