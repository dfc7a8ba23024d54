"""Durations: the grammar, its bounds, and that what is rendered is read back."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kronstream.domain import duration
from kronstream.domain.errors import Invalid


@pytest.mark.parametrize(
    ("text", "ms"),
    [("1500ms", 1_500), ("90s", 90_000), ("2h30m", 9_000_000), ("1d", 86_400_000), ("0s", 0), ("1s1s", 2_000)],
)
def test_reads_what_the_grammar_allows(text: str, ms: int) -> None:
    assert duration.parse(text) == ms


@pytest.mark.parametrize("text", ["", "5", "5 s", "-5s", "1.5h", "5S", "s", "5s\n", "PT5S", "1" * 40 + "s", "٣s"])
def test_refuses_what_it_does_not_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a duration; write .*2h30m"):
        duration.parse(text)


def test_refuses_more_than_ten_years() -> None:
    assert duration.parse("3650d") == duration.MAX_MS
    with pytest.raises(ValueError, match="at most 3650d"):
        duration.parse("3650d1ms")


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0s"), (1_500, "1s500ms"), (5_400_000, "1h30m"), (90_061_001, "1d1h1m1s1ms")]
)
def test_renders_largest_unit_first(ms: int, text: str) -> None:
    assert duration.render(ms) == text


def test_refuses_to_render_a_negative_number() -> None:
    with pytest.raises(ValueError, match="negative"):
        duration.render(-1)


@given(st.integers(0, duration.MAX_MS))
def test_what_is_rendered_is_read_back(ms: int) -> None:
    text = duration.render(ms)
    assert re.search(duration.PATTERN, text)
    assert len(text) <= duration.MAX_LENGTH
    assert duration.parse(text) == ms


@given(st.text())
def test_any_other_text_is_a_value_error_that_says_what_to_write(text: str) -> None:
    assume(not re.fullmatch(duration.PATTERN.strip("^$"), text))
    with pytest.raises(ValueError, match="; write "):
        duration.parse(text)


def test_invalid_says_field_fault_and_what_to_write() -> None:
    fault = Invalid("spec.schedule", "'61 * * * *' has minute 61", "write 0 to 59")
    assert str(fault) == "spec.schedule: '61 * * * *' has minute 61; write 0 to 59"
    assert (fault.field, fault.fault, fault.instead) == ("spec.schedule", "'61 * * * *' has minute 61", "write 0 to 59")
    assert str(Invalid("spec.every", "is zero")) == "spec.every: is zero"
