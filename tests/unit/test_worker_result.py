"""Results: JSON within bounds, else a message that says what to return instead."""

from __future__ import annotations

import dataclasses
import json
import time
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronstream.ports.result import Unfit, encode


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Pair(NamedTuple):
    left: int
    right: int


@dataclasses.dataclass
class Data:
    x: int = 1


TEXT = st.text(st.characters(codec="utf-8"))  # lone surrogates are refused, below
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)


@given(JSON)
def test_any_json_comes_back_as_it_was(value: Any) -> None:
    text = encode(value)
    assert value is None if text is None else json.loads(text) == value


def test_what_is_nearly_json() -> None:
    assert encode({"a": (1, 2), "b": Colour.RED, "c": Level.LOW, "d": Pair(1, 2), 3: True}) == (
        '{"a":[1,2],"b":"red","c":1,"d":[1,2],"3":true}'
    )
    assert encode("ü") == '"ü"'
    assert encode(None) is None


async def coroutine() -> None: ...


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"when": datetime(2026, 1, 1, tzinfo=UTC)}, r"the result holds a datetime.datetime.*isoformat"),
        ([Data()], r"the result holds a .*Data, which is not JSON; return dataclasses.asdict"),
        ({1, 2}, r"holds a set.*sorted"),
        (b"x", r"holds a bytes.*decode"),
        (object(), r"holds a object.*return text, numbers"),
        (float("nan"), "holds nan, which JSON cannot say"),
        ([float("inf")], "holds inf"),
        ("\ud800", "not JSON"),
        ({(1, 2): 3}, "not JSON"),
        ("x" * 65_536, "more than 64 KiB"),
        (["ü" * 40_000], "more than 64 KiB"),
        ([0] * 40_000, "more than 64 KiB"),
        ({"x" * 70_000: 1}, "more than 64 KiB"),
    ],
)
def test_what_is_refused(value: Any, says: str) -> None:
    with pytest.raises(Unfit, match=says):
        encode(value)


def test_a_number_of_too_many_digits() -> None:
    with pytest.raises(Unfit, match="not JSON"):
        encode(10**5000)


def test_just_within_the_bounds() -> None:
    assert encode("x" * (65_536 - 2)) is not None
    deep: Any = 1
    for _ in range(32):
        deep = [deep]
    assert encode(deep) is not None
    with pytest.raises(Unfit, match="32 levels"):
        encode([deep])


def test_a_coroutine_is_told_apart() -> None:
    waiting = coroutine()
    with pytest.raises(Unfit, match="async def"):
        encode(waiting)
    waiting.close()


def test_endless_and_enormous_values_end_soon() -> None:
    loop: list[Any] = []
    loop.append(loop)
    wide: list[Any] = []
    wide += [wide] * 10
    began = time.thread_time()
    for value in (loop, wide, [[0] * 10_000_000], {str(n): n for n in range(100_000)}, "x" * 100_000_000):
        with pytest.raises(Unfit):
            encode(value)
    assert time.thread_time() - began < 5
