"""H: a number made from a job's name."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain import cron

JOBS = [f"team-{number % 7}/job-{number}" for number in range(3000)]


def values(expression: str, index: int) -> Counter[int]:
    return Counter(int(cron.resolve(expression, job).split()[index]) for job in JOBS)


# the numbers are stored with jobs and shown in their status: another hash would move every job
GOLDEN = [
    ("H H * * *", "46 9 * * *"),
    ("H H * * * *", "11 46 * * * *"),
    ("H/15 H/3 H/10 H/5 H/2", "1-59/15 0-23/3 8-28/10 1-12/5 0-6/2"),
    ("H(0-29)/10 H(8-17) H H H", "6-29/10 11 26 7 3"),
    ("h,h(0-5)  2 * * MON", "46,4 2 * * MON"),
    ("H/99 H(7-7) * * *", "46 7 * * *"),
    ("0 0 H(1-31) * H(1-5)", "0 0 13 * 1"),
    ("H(50-59)/30 * * * *", "56 * * * *"),
]


@pytest.mark.parametrize(("expression", "resolved"), GOLDEN)
def test_a_job_keeps_its_numbers(expression: str, resolved: str) -> None:
    assert cron.resolve(expression, "default/backup") == resolved
    cron.parse(resolved)


@pytest.mark.parametrize(
    ("field", "low", "high"), [(0, 0, 59), (1, 0, 59), (2, 0, 23), (3, 1, 28), (4, 1, 12), (5, 0, 6)]
)
def test_jobs_are_spread_over_the_whole_field(field: int, low: int, high: int) -> None:
    found = values("H H H H H H", field)
    assert sorted(found) == list(range(low, high + 1))
    assert max(found.values()) < 3 * len(JOBS) / (high - low + 1)


def test_the_fields_of_a_job_are_independent() -> None:
    pairs = {tuple(cron.resolve("H H * * * *", job).split()[:2]) for job in JOBS}
    assert len(pairs) > 1800


@pytest.mark.parametrize("text", ["0 0 * * *", " @daily ", "* * * * thu", "nonsense", "", "1  2", "@every 5m"])
def test_a_text_without_h_is_only_set_right(text: str) -> None:
    assert cron.resolve(text, "default/backup") == " ".join(text.split())


@given(
    st.sampled_from(["H", "H/7", "H(3-20)", "H(3-20)/4", "H/50"]),
    st.integers(0, 4),
    st.text(st.characters(codec="utf-8"), max_size=60),
)
def test_whatever_h_becomes_can_be_parsed(hashed: str, index: int, identity: str) -> None:
    fields = ["*"] * 5
    fields[index] = hashed if index < 3 else hashed.replace("3-20", "3-6")
    resolved = cron.resolve(" ".join(fields), identity)
    assert "H" not in resolved
    assert not cron.parse(resolved).never
    assert cron.resolve(resolved, "another") == resolved


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("H-3 * * * *", "'H-3' is not understood; write H, H(0-29), H/15 or H(0-29)/10"),
        ("H(5-3) * * * *", "'H(5-3)' ends before it begins; write H(3-5)"),
        (
            "H(0-99) * * * *",
            "'99' is not between 0 and 59; write 0-59, lists, ranges or steps such as */5",
        ),
        ("H/0 * * * *", "a step of 0 goes nowhere; write 0-59, lists, ranges or steps such as */5"),
        ("H(1-5 * * * *", "'H(1-5' is not understood; write H, H(0-29), H/15 or H(0-29)/10"),
    ],
)
def test_a_bad_h_says_what_to_write(expression: str, message: str) -> None:
    field = expression.split(maxsplit=1)[0]
    with pytest.raises(ValueError) as caught:  # noqa: PT011 the whole text is compared
        cron.resolve(expression, "default/backup")
    assert str(caught.value) == f"{expression!r}: the minute field {field!r} is not valid: {message}"


def test_h_in_the_wrong_number_of_fields_is_told_as_any_other() -> None:
    with pytest.raises(ValueError, match=r"'H 1 1' has 3 fields; write five"):
        cron.resolve("H 1 1", "default/backup")
    with pytest.raises(ValueError, match=r"has six fields and reads as second 'H', .* write '22,10'"):
        cron.resolve("H 22, 10 * * *", "default/backup")
