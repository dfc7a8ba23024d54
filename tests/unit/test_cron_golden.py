"""What croniter answers, held still, and what the engine answers where croniter is wrong.

``golden/croniter.json`` is written by running this file: see ``ADVICE``.
"""

import json
from datetime import UTC, datetime, timedelta
from importlib import metadata, resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from croniter import CroniterError, croniter

from kronstream.domain import cron
from kronstream.domain.dst import Gap, Repeat

VERSION = "7.0.0"
ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("golden") / "croniter.json"
ADVICE = (
    "A schedule that people wrote would change with this croniter. Read its changelog and decide for each difference:"
    " if the old answer was right, keep the pinned version or let the engine answer (domain/fields.py); if the new one"
    " is, say so in CHANGELOG.md and raise ENGINE in controller/job.py, so that replicas of both versions do not fire"
    " the same job. Then set VERSION here and the pin in pyproject.toml, run `.venv/bin/python"
    " tests/unit/test_cron_golden.py` and commit the table: its diff is the list of changed schedules."
)
STARTS = (datetime(2026, 1, 30, 23, 58, 30), datetime(2027, 12, 31, 0, 0), datetime(2028, 2, 28, 12, 0, 1))
FIRES = 4
FIVE_FIELDS = """
* * * * * | */7 * * * * | 5/15 * * * * | 59/15 * * * * | 58/2 * * * * | */90 * * * * | 0-10/3 * * * * | 5,5,07 * * * *
1-5,*/20 * * * * | *,5 * * * * | 3-3 * * * * | 3-3/2 * * * * | 50-10/7 * * * * | 0 22-2 * * * | 0 22-2/2 * * *
0 23-3/2 * * * | 0 3-1/2 * * * | 0 23/5 * * * | 0 0 1-31 * * | 0 0 1-31 * 1 | 0 0 1-31 * */2 | 0 0 */2 * 1-7
0 0 */2 * 1 | 0 0 */1 * 1 | 0 0 1 * */1 | 0 0 1 * 0-6 | 0 0 13 * 5 | 0 0 ? * MON | 0 0 1 * ? | 0 0 ? * ? | 0 0 *,5 * 1
0 0 5,* * 1 | 0 0 L * * | 0 0 l 2 * | 0 0 L,15 * * | 0 0 28-L * * | 0 0 5-L/10 * * | 0 0 1-30,L * * | 0 0 L * MON
0 0 L-3 * * | 0 0 LW * * | 0 0 L1 * * | 0 0 29,30,31 * * | 0 0 31 * * | 0 0 31/5 * * | 0 0 25-5/3 * * | 0 0 29 2 *
0 0 31 4,6 * | 0 0 30 2 * | 0 0 15W * * | 0 0 W15 * * | 0 0 1W * * | 0 0 31W * * | 0 0 15W * MON | 0 0 1,15W * *
0 0 10-15W * * | 0 0 * * 0 | 0 0 * * 7 | 0 0 * * 0-7 | 0 0 * * 5-7 | 0 0 * * FRI-7 | 0 0 * * 7-2 | 0 0 * * 7-7
0 0 * * SUN-SUN | 0 0 * * SAT-MON | 0 0 * * SAT-MON/2 | 0 0 * * 1-7/2 | 0 0 * * 5/2 | 0 0 * * 7/2 | 0 0 * * sun/2
0 9-17 * * mon-fri | 0 0 * * MONDAY | 0 0 * * 8 | 0 0 * * SUN#2 | 0 0 * * 7#2 | 0 0 * * 5#5 | 0 0 * * 5#6 | 0 0 * * 5#0
0 0 * * MON-FRI#1 | 0 0 * * 1-5#1 | 0 0 * * 1#1,3#2 | 0 0 * * 5#1,L5 | 0 0 * * 5#1,1 | 0 0 * * *#1 | 0 0 * 2 1#5
0 0 1 * SUN#2 | 0 0 1 * L5 | 0 0 * * L5 | 0 0 * * L7 | 0 0 * * 5L | 0 0 * * FRIL | 0 0 1 JAN-MAR * | 0 0 1 nov-FEB *
0 0 1 NOV-FEB/2 * | 0 0 1 DEC-MAR/2 * | 0 0 1 12/3 * | 0 0 1 JAN/5 * | 0 0 1 FEB-2 * | 0 0 * JANUARY * | 0 0 1 0 *
0 0 0 * * | 60 * * * * | 0 24 * * * | */0 * * * * | 5- * * * * | -5 * * * * | 1,,2 * * * * | 5/ * * * * | 1/2/3 * * * *
** * * * * | *5 * * * * | 1.5 * * * * | +5 * * * * | MON * * * * | 0 0 * * ?,1 | ? * * * * | H * * * * | @hourly
@daily | @midnight | @weekly | @monthly | @yearly | @annually | @reboot | @every 5m | 0 0 * * 1\u00a0
\u0663 * * * * | 0 0 * *
"""
WITH_SECONDS = """
* * * * * * | 30 */10 * * * * | */20 59 1 * * * | 5-5 * * * * * | 50-10/25 0 * * * * | 59/7 0 0 * * * | 0 0 0 L * *
0 0 0 * * 1#1 | 0 0 0 15W * * | 0 0 0 1 JAN * | 0 22, 10 * * * | 60 * * * * * | ? * * * * * | 0 0 0 1 1 * 2030
0 0 0 1 1 * 2027-2031/2 | 0 0 0 29 2 * 2027 | 0 0 0 1 1 * 1969
"""


def texts(table: str) -> list[str]:
    return [text.strip(" \n") for line in table.strip("\n").split("\n") for text in line.split("|")]


def fires(text: str, start: datetime, seconds: bool) -> list[str]:
    """What croniter makes of the text on a wall clock without a zone; CroniterError when it finds no more."""
    schedule = croniter(text, start, second_at_beginning=seconds)
    return [schedule.get_next(datetime).isoformat() for _ in range(FIRES)]


def answer(text: str, seconds: bool) -> dict[str, Any]:
    """All that croniter says about a text, as JSON has it."""
    try:
        fields, ordinals = croniter.expand(text, second_at_beginning=seconds)
    except CroniterError as error:
        return {"refused": type(error).__name__}
    said: dict[str, Any] = {
        "fields": fields,
        "ordinals": {weekday: sorted(numbers, key=str) for weekday, numbers in sorted(ordinals.items())},
        "fires": [],
    }
    for start in STARTS:
        try:
            said["fires"].append(fires(text, start, seconds))
        except CroniterError as error:
            said["fires"].append(type(error).__name__)
    return dict(json.loads(json.dumps(said)))


def key(text: str, seconds: bool) -> str:
    return f"seconds first: {text}" if seconds else text


CASES = [(text, False) for text in texts(FIVE_FIELDS)] + [(text, True) for text in texts(WITH_SECONDS)]


def test_croniter_is_the_one_of_the_table() -> None:
    assert metadata.version("croniter") == VERSION, ADVICE
    assert f'"croniter=={VERSION}"' in (ROOT / "pyproject.toml").read_text(), ADVICE
    for lock in ("requirements.lock", "requirements-dev.lock"):
        assert f"croniter=={VERSION} " in (ROOT / lock).read_text(), ADVICE


def test_the_table_is_of_these_texts() -> None:
    assert list(json.loads(TABLE.read_text())) == [key(*case) for case in CASES], ADVICE


@pytest.mark.parametrize(("text", "seconds"), CASES)
def test_croniter_answers_as_ever(text: str, seconds: bool) -> None:
    expected = json.loads(TABLE.read_text())[key(text, seconds)]
    assert answer(text, seconds) == expected, f"croniter reads {text!r} differently from {VERSION}. {ADVICE}"


# Fields that croniter reads wrongly: the instants after Friday 30 January 2026, 23:58:30, that are right. No zone.
MISREAD = [
    # a range from a value to itself is the whole field to croniter
    ("3-3 * * * *", ["01-31T00:03", "01-31T01:03", "01-31T02:03"]),
    ("3-3/2 * * * *", ["01-31T00:03", "01-31T01:03", "01-31T02:03"]),
    ("5-5 0 0 * * *", ["01-31T00:00:05", "02-01T00:00:05", "02-02T00:00:05"]),
    ("0 0 1 FEB-2 *", ["02-01T00:00", "2027-02-01T00:00"]),
    ("0 0 * * SUN-SUN", ["02-01T00:00", "02-08T00:00"]),
    ("0 0 * * 7-7", ["02-01T00:00", "02-08T00:00"]),
    # a step over the end of a field skips one too many
    ("0 23-3/2 * * *", ["01-31T01:00", "01-31T03:00", "01-31T23:00", "02-01T01:00"]),
    ("0 3-1/2 * * *", ["01-31T01:00", "01-31T03:00", "01-31T05:00"]),
    ("50-10/7 * * * *", ["01-31T00:04", "01-31T00:50", "01-31T00:57", "01-31T01:04"]),
    ("0 0 1 DEC-MAR/2 *", ["02-01T00:00", "12-01T00:00", "2027-02-01T00:00"]),
    ("0 0 * * SAT-MON/2", ["01-31T00:00", "02-02T00:00", "02-07T00:00", "02-09T00:00"]),
    # with # or L or W in it, a day field and the other must both match; or nothing matches at all
    ("0 0 1 * SUN#2", ["02-01T00:00", "02-08T00:00", "03-01T00:00", "03-08T00:00", "04-01T00:00"]),
    ("0 0 1 * L5", ["02-01T00:00", "02-27T00:00", "03-01T00:00", "03-27T00:00"]),
    ("0 0 15W * MON", ["02-02T00:00", "02-09T00:00", "02-16T00:00", "02-23T00:00"]),
    # whether a day field restricts goes by how many days it has, and by the other field's stars
    ("0 0 */1 * 1", ["02-02T00:00", "02-09T00:00", "02-16T00:00"]),
    ("0 0 1 * */1", ["02-01T00:00", "03-01T00:00", "04-01T00:00"]),
    # as in cron, a field that begins with a star does not: both must match
    ("0 0 */2 * 1", ["02-09T00:00", "02-23T00:00", "03-09T00:00"]),
    ("0 0 */100,1-7 * MON", ["02-02T00:00", "03-02T00:00", "04-06T00:00"]),
    ("0 0 5,* * 1", ["01-31T00:00", "02-01T00:00", "02-02T00:00"]),
    # a date that never comes is an error
    ("0 0 31 2 *", []),
    ("0 0 30 2 */2", []),
]
# Days of changed clocks on which croniter fires what the wall shows twice at both, whatever the job wants.
DOUBLED = [
    ("America/New_York", "30 1 * * *", "2025-11-01T12:00", ["11-02T05:30", "11-03T06:30"]),
    ("America/New_York", "*/15 1 * * *", "2025-11-02T05:15", ["11-02T05:30", "11-02T05:45", "11-03T06:00"]),
    ("America/New_York", "0 1,2 * * *", "2025-11-02T04:00", ["11-02T05:00", "11-02T07:00", "11-03T06:00"]),
    ("Europe/Berlin", "0 */2 * * *", "2025-10-25T22:30", ["10-26T00:00", "10-26T03:00", "10-26T05:00"]),
    ("Europe/Berlin", "0 0-23 * * *", "2025-10-25T23:30", ["10-26T00:00", "10-26T02:00", "10-26T03:00"]),
    ("Africa/Cairo", "30 23 * * *", "2025-10-30T12:00", ["10-30T20:30", "10-31T21:30"]),
    ("Australia/Lord_Howe", "45 1 * * *", "2025-04-05T12:00", ["04-05T14:45", "04-06T15:15"]),
    ("Antarctica/Troll", "30 1 * * *", "2025-10-25T12:00", ["10-25T23:30", "10-27T01:30"]),
]
# Where both are right and a rewrite is easily wrong.
RIGHT = [
    ("0 0 1-31 * 1", ["01-31T00:00", "02-01T00:00", "02-02T00:00"]),
    ("0 0 31 * *", ["01-31T00:00", "03-31T00:00", "05-31T00:00"]),
    ("0 0 29 2 *", ["2028-02-29T00:00", "2032-02-29T00:00"]),
    ("0 0 * 2 1#5", ["2044-02-29T00:00"]),
    ("0 0 L 2 *", ["02-28T00:00", "2027-02-28T00:00", "2028-02-29T00:00"]),
    ("59/15 * * * *", ["01-30T23:59", "01-31T00:59"]),
    ("0 0 * * 1-7/2", ["02-01T00:00", "02-02T00:00", "02-04T00:00", "02-06T00:00"]),
    ("0 0 31W * *", ["02-27T00:00", "03-31T00:00"]),
    ("@weekly", ["02-01T00:00", "02-08T00:00"]),
]


def spelled(moment: datetime) -> str:
    """An instant as the tables have it: the year unless it is 2026 (or the zones' 2025), seconds if there are any."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S").removesuffix(":00")
    return text[5:] if moment.year in {2025, 2026} else text


def of_engine(
    text: str, start: datetime, number: int, zone: str = "UTC", gap: Gap = "RunAfter", repeat: Repeat = "First"
) -> list[str]:
    schedule, found = cron.parse(text, zone, gap, repeat), list[str]()
    at = schedule.after(int(start.timestamp() * 1000))
    while at is not None and len(found) < number:
        found.append(spelled(datetime.fromtimestamp(at / 1000, UTC)))
        at = schedule.after(at)
    return found


def of_croniter(text: str, start: datetime, number: int) -> list[str]:
    found, schedule = list[str](), croniter(text, start, second_at_beginning=len(text.split()) == 6)
    for _ in range(number):
        found.append(spelled(schedule.get_next(datetime).astimezone(UTC)))
    return found


@pytest.mark.parametrize(("text", "expected"), MISREAD + RIGHT)
def test_the_engine_reads_it_right(text: str, expected: list[str]) -> None:
    assert of_engine(text, STARTS[0].replace(tzinfo=UTC), max(1, len(expected))) == expected


@pytest.mark.parametrize(("text", "expected"), MISREAD)
def test_croniter_still_misreads_it(text: str, expected: list[str]) -> None:
    try:
        found = of_croniter(text, STARTS[0].replace(tzinfo=UTC), max(1, len(expected)))
    except CroniterError:
        return
    assert found != expected, "croniter is right now: move the line to RIGHT"


@pytest.mark.parametrize(("text", "expected"), RIGHT)
def test_croniter_agrees(text: str, expected: list[str]) -> None:
    assert of_croniter(text, STARTS[0].replace(tzinfo=UTC), len(expected)) == expected, ADVICE


def zoned(zone: str, start: str) -> datetime:
    with resources.files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as file:
        return datetime.fromisoformat(start).replace(tzinfo=UTC).astimezone(ZoneInfo.from_file(file))


@pytest.mark.parametrize(("zone", "text", "start", "expected"), DOUBLED)
def test_what_comes_twice_runs_once_and_at_both_when_asked(
    zone: str, text: str, start: str, expected: list[str]
) -> None:
    begin = zoned(zone, start)
    assert of_engine(text, begin, len(expected), zone) == expected
    both = of_croniter(text, begin, len(expected))
    assert both != expected, "croniter runs it once now: read its changelog"
    assert of_engine(text, begin, len(expected), zone, repeat="Both") == both
    # a search that begins between the passes does not find the second
    for later in range(0, int(timedelta(hours=4).total_seconds()), 600):
        found = of_engine(text, begin + timedelta(seconds=later), 1, zone)
        assert found[0] in expected or found[0] > expected[-1]


if __name__ == "__main__":
    lines = (f"{json.dumps(key(*case))}: {json.dumps(answer(*case))}" for case in CASES)
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{len(CASES)} expressions as croniter {metadata.version('croniter')} reads them: {TABLE}")
