"""Exceptions as bounded text, whatever their methods do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kronstream.worker.failure import describe


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


class BadStrError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


class ExitStrError(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class BadReprError(Exception):
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_type_message_and_traceback() -> None:
    told = describe(raised(ValueError("bad value")))
    assert (told.type, told.message) == ("ValueError", "bad value")
    assert "raise error" in told.traceback
    assert told.traceback.endswith("ValueError: bad value\n")


def test_a_type_of_a_module_is_named_with_it() -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads("{")
    assert describe(caught.value).type == "json.decoder.JSONDecodeError"


@pytest.mark.parametrize("kind", [BadStrError, ExitStrError, BadReprError])
def test_methods_that_raise(kind: type[Exception]) -> None:
    told = describe(raised(kind("x")))
    assert told.type.endswith(kind.__name__)
    assert told.message
    assert told.traceback


def test_bounds() -> None:
    told = describe(raised(ValueError("ü" * 1_000_000)))
    assert len(told.message.encode()) <= 2048
    assert len(told.traceback.encode()) <= 8192
    assert "raise error" in told.traceback


def deep(n: int) -> Any:
    return deep(n + 1) + 1


def test_recursion_chains_and_groups() -> None:
    try:
        deep(0)
    except RecursionError as error:
        told = describe(error)
        assert told.type == "RecursionError"
        assert len(told.traceback) <= 8192
    error: BaseException = ValueError("first")
    for number in range(3_000):
        outer = ValueError(f"number {number}")
        outer.__cause__ = error
        error = outer
    assert "number 2999" in describe(raised(error)).message
    group = ExceptionGroup("many", [ValueError(str(n)) for n in range(10_000)])
    assert len(describe(raised(group)).traceback) <= 8192


def test_what_is_not_text_and_what_is_secret() -> None:
    told = describe(raised(ValueError("\ud800 at redis://user:hunter2@host/0")))
    told.message.encode()
    told.traceback.encode()
    assert "hunter2" not in told.message + told.traceback


def test_sys_exit_says_what_to_do_instead() -> None:
    assert "sys.exit(3)" in describe(raised(SystemExit(3))).message
