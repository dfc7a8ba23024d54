"""Instants: what is read, what is refused, and that what is rendered is read back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronstream.resources import instant

END = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.0019Z", 1),
        ("1970-01-01T00:00:00.123456789Z", 123),
        ("1970-01-01T00:00:00-00:30", 1_800_000),
        ("2026-12-24T19:00:00+01:00", 1_798_135_200_000),
    ],
)
def test_reads_rfc_3339(text: str, ms: int) -> None:
    assert instant.parse(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-12-24",
        "2026-12-24T18:00:00",
        "2026-12-24 18:00:00Z",
        "2026-12-24t18:00:00z",
        "2026-02-30T00:00:00Z",
        "2026-12-24T18:00:00Z\n",
        "2026-12-24T18:00:60Z",
        "2026-12-24T18:00:00+25:00",
        "2026-12-24T18:00:00." + "0" * 20 + "Z",
        "1969-12-31T23:59:59Z",
        "0001-01-01T00:00:00+23:00",
        "٢٠٢٦-12-24T18:00:00Z",
    ],
)
def test_refuses_anything_else(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an instant|is before 1970"):
        instant.parse(text)


def test_shows_milliseconds_only_when_there_are_any() -> None:
    assert instant.render(1_798_135_200_000) == "2026-12-24T18:00:00Z"
    assert instant.render(1_798_135_200_050) == "2026-12-24T18:00:00.050Z"


@given(st.integers(0, 32_503_679_999_999))
def test_what_is_rendered_is_read_back(ms: int) -> None:
    text = instant.render(ms)
    assert re.fullmatch(instant.PATTERN, text)
    assert instant.parse(text) == ms


@given(st.from_regex(re.compile(instant.PATTERN, re.ASCII), fullmatch=True))
def test_what_fits_the_pattern_is_an_instant_or_a_value_error(text: str) -> None:
    try:
        ms = instant.parse(text)
    except ValueError as fault:
        ms, text = 0, str(fault)
    assert 0 <= ms <= END
    assert text
