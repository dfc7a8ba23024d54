"""Amounts of memory, read and written as Kubernetes does."""

import pytest
from hypothesis import given
from hypothesis.strategies import integers

from kronstream.domain.quantity import parse, render


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("256Mi", 268_435_456),
        ("1.5Gi", 1_610_612_736),
        ("1Ki", 1_024),
        ("2Ti", 2 << 40),
        ("5k", 5_000),
        ("0.5M", 500_000),
        ("3G", 3_000_000_000),
        ("1T", 10**12),
        ("1048576", 1_048_576),
        ("0", 0),
        ("0.1", 1),
    ],
)
def test_an_amount_is_bytes(text: str, size: int) -> None:
    assert parse(text) == size


@pytest.mark.parametrize(
    "text", ["", "Mi", "1 Gi", "-1Mi", "1e6", "256MB", "256mi", "1.Gi", ".5Gi", "1Gi\n", "1" * 16, "\uff11Mi"]
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write a number with a unit, like 256Mi or 1\.5Gi"):
        parse(text)


@pytest.mark.parametrize(("size", "text"), [(268_435_456, "256Mi"), (1_500, "1500"), (5_000, "5k"), (0, "0")])
def test_the_shortest_text(size: int, text: str) -> None:
    assert render(size) == text


@given(integers(0, 1 << 45))
def test_what_is_written_is_read_again(size: int) -> None:
    assert parse(render(size)) == size


def test_nothing_is_less_than_nothing() -> None:
    with pytest.raises(ValueError, match="negative"):
        render(-1)
