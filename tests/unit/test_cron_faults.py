"""What is said about expressions that mean nothing."""

import re

import pytest

from kronstream.domain import cron

FIVE = "write five: minute, hour, day of month, month, day of week; or six with seconds before them"
MACROS = "write one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually, or five fields"
MINUTES = "write 0-59, lists, ranges or steps such as */5"
HOURS = "write 0-23, lists, ranges or steps such as */2"
DAYS = "write 1-31, lists, ranges, steps, L for the last day or 15W for the nearest weekday"
MONTHS = "write 1-12 or JAN-DEC, lists, ranges or steps"
WEEKDAYS = (
    "write 0-7 (0 and 7 are Sunday) or SUN-SAT, lists, ranges, steps, 5#2 for the second Friday or L5 for the last"
)
FAULTS = [
    ("", f"'' has 0 fields; {FIVE}"),
    ("5", f"'5' has 1 field; {FIVE}"),
    ("* * * *", f"'* * * *' has 4 fields; {FIVE}"),
    ("0 0 1 1 * * 2027", f"'0 0 1 1 * * 2027' has 7 fields; {FIVE}"),
    (
        "0 22, 10 * * *",
        (
            "'0 22, 10 * * *' has six fields and reads as second '0', minute '22,', hour '10', day of month '*', "
            "month '*', day of week '*'; a field must not hold blanks: write '22,10'"
        ),
    ),
    ("1- " * 21, f"'{'1- ' * 20}1-' has 21 fields; {FIVE}"),
    ("0 9 - 17 * * *", "'0 9 - 17 * * *' has 7 fields; a field must not hold blanks: write '9-17'"),
    ("0 9 ,17 , 20 * * *", "'0 9 ,17 , 20 * * *' has 8 fields; a field must not hold blanks: write '9,17,20'"),
    (
        "* /5 9 * * *",
        (
            "'* /5 9 * * *' has six fields and reads as second '*', minute '/5', hour '9', day of month '*', "
            "month '*', day of week '*'; a field must not hold blanks: write '*/5'"
        ),
    ),
    (
        "22, 1 * * *",
        "'22, 1 * * *': the minute field '22,' is not valid: a value is missing beside a comma; write '22'",
    ),
    ("0 , * * *", "'0 , * * *': the hour field ',' is not valid: a value is missing beside a comma; write '*'"),
    (
        "0 61 * * * *",
        (
            "'0 61 * * * *' has six fields and reads as second '0', minute '61', hour '*', day of month '*', "
            f"month '*', day of week '*': the minute field '61' is not valid: '61' is not between 0 and 59; {MINUTES}"
        ),
    ),
    ("60 * * * *", f"minute field '60' is not valid: '60' is not between 0 and 59; {MINUTES}"),
    ("* 24 * * *", f"hour field '24' is not valid: '24' is not between 0 and 23; {HOURS}"),
    ("* * 0 * *", f"day of month field '0' is not valid: '0' is not between 1 and 31; {DAYS}"),
    ("* * 32W * *", f"day of month field '32W' is not valid: '32' is not between 1 and 31; {DAYS}"),
    ("* * * 13 *", f"month field '13' is not valid: '13' is not between 1 and 12; {MONTHS}"),
    ("* * * foo *", f"month field 'foo' is not valid: 'FOO' is not understood; {MONTHS}"),
    ("* * * 1-foo *", f"month field '1-foo' is not valid: 'FOO' is not known; {MONTHS}"),
    ("* * * * 8", f"day of week field '8' is not valid: '8' is not between 0 and 7; {WEEKDAYS}"),
    ("* * * * JAN", f"day of week field 'JAN' is not valid: 'JAN' is not understood; {WEEKDAYS}"),
    ("*/0 * * * *", f"minute field '*/0' is not valid: a step of 0 goes nowhere; {MINUTES}"),
    ("*-5 * * * *", f"minute field '*-5' is not valid: '*-5' is not understood; {MINUTES}"),
    ("1-2-3 * * * *", f"minute field '1-2-3' is not valid: '1-2-3' is not understood; {MINUTES}"),
    ("? * * * *", f"minute field '?' is not valid: '?' is not understood; {MINUTES}"),
    ("٣ * * * *", f"minute field '٣' is not valid: '٣' is not understood; {MINUTES}"),
    (
        "* * LW * *",
        "day of month field 'LW' is not valid: 'LW' is not supported; write 31W for the last weekday of the month",
    ),
    (
        "* * L-3 * *",
        "day of month field 'L-3' is not valid: 'L-3' is not supported; write L for the last day, or days such as 28",
    ),
    (
        "* * 1,15W * *",
        (
            "day of month field '1,15W' is not valid: '15W' must stand alone, not in a list; "
            "write it as a schedule of its own"
        ),
    ),
    (
        "* * * * 5L",
        "day of week field '5L' is not valid: '5L' is not supported; write L5 for the last FRI of the month",
    ),
    (
        "* * * * sunl",
        "day of week field 'sunl' is not valid: 'SUNL' is not supported; write L0 for the last SUN of the month",
    ),
    (
        "* * * * L",
        (
            "day of week field 'L' is not valid: 'L' does not say which day; "
            "write L5 for the last Friday, SAT for every Saturday"
        ),
    ),
    (
        "* * * * 1,5#2",
        (
            "day of week field '1,5#2' is not valid: days with # or L do not mix with others in one list; "
            "write two schedules"
        ),
    ),
    (
        "* * * * 5#6",
        "day of week field '5#6' is not valid: '5#6': no month has that one; write a number from 1 to 5 after #",
    ),
    (
        "H * * * *",
        (
            "minute field 'H' is not valid: 'H' stands for a number made from the job's name, and there is none here; "
            "write the number"
        ),
    ),
    (
        "0 R * * *",
        (
            "hour field 'R' is not valid: 'R' would be another time with every reader; "
            "write H, which stays the same for a job"
        ),
    ),
    ("@every 5m", "'@every 5m' is not a cron expression; write `every: 5m` instead"),
    ("@every", "'@every' is not a cron expression; write `every: 90s` instead"),
    ("@reboot", f"'@reboot' is not known; {MACROS}"),
    (
        "TZ=Europe/Berlin 0 0 * * *",
        "'TZ=Europe/Berlin 0 0 * * *' names its zone; write `timeZone: Europe/Berlin` and the fields alone",
    ),
    ("CRON_TZ=UTC @daily", "'CRON_TZ=UTC @daily' names its zone; write `timeZone: UTC` and the fields alone"),
]


@pytest.mark.parametrize(("expression", "message"), FAULTS)
def test_a_fault_says_what_to_write(expression: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 the whole text is compared
        cron.parse(expression)
    assert str(caught.value) == (message if message[0] in "'@" else f"{expression!r}: the {message}")


def test_of_a_long_text_a_message_shows_the_beginning() -> None:
    with pytest.raises(ValueError, match=r"'9{120}…' is not between 0 and 59") as caught:
        cron.parse("9" * 990 + " * * * *")
    assert len(str(caught.value)) < 600


def test_what_the_parser_refuses_by_itself_is_told_in_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(text: str, **options: object) -> None:
        raise ValueError("these two do not go together")

    monkeypatch.setattr("kronstream.domain.fields.croniter.expand", refuse)
    with pytest.raises(ValueError, match=re.escape("'1 1 1 1 1' is not a cron expression: these two do not go")):
        cron.parse("1 1 1 1 1")
