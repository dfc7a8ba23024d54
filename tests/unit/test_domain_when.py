"""The when-fields, normalised."""

import pytest

from kronstream.domain.errors import Invalid
from kronstream.domain.schedule import CronSchedule, Every, Once
from kronstream.domain.when import When

CREATED = 1_800_000_000_000


def when(
    expression: str | None = None,
    zone: str | None = None,
    every: int | None = None,
    anchor: int | None = None,
    at: int | None = None,
) -> When:
    return When.of(
        identity="team/job",
        created=CREATED,
        schedule=expression,
        time_zone=zone,
        every=every,
        anchor=anchor,
        run_at=at,
    )


def test_a_cron_expression_becomes_a_schedule_in_its_zone() -> None:
    schedule = when("0 12 * * *", "Asia/Kathmandu").schedule()
    assert isinstance(schedule, CronSchedule)
    assert schedule.after(CREATED) == CREATED + (24 - 8 + 6) * 3_600_000 + 15 * 60_000


def test_an_interval_counts_from_its_anchor_or_the_jobs_creation() -> None:
    assert when(every=5000).schedule() == Every(5000, CREATED)
    assert when(every=5000, anchor=7).schedule() == Every(5000, 7)
    assert When(every=5000).schedule() == Every(5000, 0)


def test_an_instant_comes_once() -> None:
    assert when(at=5).schedule() == Once(5)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (when("0  12 * * * "), when("0 12 * * *", "UTC")),
        (when(every=5000), when(every=5000, anchor=CREATED)),
    ],
)
def test_what_means_the_same_is_the_same_text(one: When, other: When) -> None:
    assert one.dump() == other.dump()


def test_what_means_something_else_is_another_text() -> None:
    forms = [
        when("0 12 * * *"),
        when("0 13 * * *"),
        when("0 12 * * *", "Europe/Berlin"),
        when(every=5000),
        when(every=5001),
        when(every=5000, anchor=0),
        when(at=5000),
        when(at=0),
    ]
    assert len({form.dump() for form in forms}) == len(forms)


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (
            when("0 0 * * *", "Mars/Olympus"),
            "spec.timeZone: 'Mars/Olympus' is not in the tz database .*; write a name of the tz database, like Europe",
        ),
    ],
)
def test_a_fault_names_its_field(bad: When, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        bad.schedule()


def test_a_stored_text_is_read_again() -> None:
    for form in (when("0 12 * * *", "Europe/Berlin"), when(every=5000), when(at=5)):
        assert When.load(form.dump()) == form


@pytest.mark.parametrize("text", ['{"colour":"red"}', "[1]", "", "nonsense"])
def test_what_is_no_stored_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a normalised when|Expecting value"):
        When.load(text)
