"""Typed parameters: what a function gets of its payload, and what is said of a payload that does not fit."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from typing_extensions import TypedDict

from kronstream.handlers import Run
from kronstream.worker.registry import Function, HandlerError, Registry, describe
from kronstream.worker.rulings import Fault

if TYPE_CHECKING:
    from collections.abc import Sized


class Format(Enum):
    CSV = "csv"
    PDF = "pdf"


class Report(BaseModel):
    day: date
    format: Format = Format.CSV
    recipients: list[str] = []


class Sealed(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    day: date
    password: SecretStr = Field(SecretStr("long enough"), min_length=8)


@dataclass
class Window:
    begin: int
    end: int = 9


class Options(TypedDict):
    size: int


def call(function: Any, payload: Any) -> Any:
    return describe("f", function).invoke(payload, lambda: Run(id="r1"))


def refusal(function: Any, payload: Any) -> str:
    with pytest.raises(Fault) as caught:
        call(function, payload)
    assert caught.value.kind == "InvalidPayload"
    assert caught.value.permanent
    text = str(caught.value)
    assert text.startswith("the payload does not fit f: ")
    return text.removeprefix("the payload does not fit f: ")


def cleanup(retention_days: int, dry_run: bool = False, *, run: Run) -> Any:
    return retention_days, dry_run, run.id


def report(payload: Report) -> Any:
    return payload


def only_model(request: Report) -> Any:
    return request


def only_window(window: Window, run: Run) -> Any:
    return window, run.id


def only_options(options: Options) -> Any:
    return options


def either(request: Report | Window) -> Any:
    return request


def numbers(payload: list[int]) -> Any:
    return payload


def name(name: str) -> Any:
    return name


def positional(run: Run, days: int, size: int = 3, /) -> Any:
    return run.id, days, size


def rest(size: int, **others: float) -> Any:
    return size, others


def everything(**others: Any) -> Any:
    return others


def positive(size: Annotated[int, Field(ge=1)] = 1) -> Any:
    return size


def unannotated(left, right=2):  # type: ignore[no-untyped-def]
    return left, right


def payload_and_default(payload: Report, limit: int = 5) -> Any:
    return payload.day, limit


def test_each_parameter_gets_the_key_of_its_name() -> None:
    assert call(cleanup, {"retention_days": 30}) == (30, False, "r1")
    assert call(cleanup, {"retention_days": "30", "dry_run": "yes"}) == (30, True, "r1")
    assert call(name, {"name": "ann"}) == "ann"
    assert call(positional, {"days": 1}) == ("r1", 1, 3)
    assert call(positional, {"days": 1, "size": 2}) == ("r1", 1, 2)
    assert call(positive, {"size": 4}) == 4
    assert call(positive, {}) == 1
    assert call(positive, None) == 1
    assert call(unannotated, {"left": [1, None]}) == ([1, None], 2)
    assert call(functools.partial(cleanup, dry_run=True), {"retention_days": 1}) == (1, True, "r1")


def test_a_parameter_called_payload_and_an_only_model_get_the_whole() -> None:
    wanted = Report(day=date(2026, 1, 2), format=Format.PDF)
    for function in (report, only_model, either):
        assert call(function, {"day": "2026-01-02", "format": "pdf"}) == wanted
    assert call(only_window, {"begin": "1"}) == (Window(1, 9), "r1")
    assert call(only_options, {"size": 1}) == {"size": 1}
    assert call(either, {"begin": 1}) == Window(1)
    assert call(numbers, [1, "2"]) == [1, 2]
    assert call(payload_and_default, {"day": "2026-01-02"}) == (date(2026, 1, 2), 5)


def test_a_payload_without_types_is_given_as_it_is() -> None:
    given = {"a": object()}

    def any_(payload: Any) -> Any:
        return payload

    def dict_(data: dict[str, Any], run: Run) -> Any:
        return data

    def bare(anything):  # type: ignore[no-untyped-def]
        return anything

    for function in (any_, dict_, bare):
        assert call(function, given) is given
        assert type(describe("f", function)) is Function


def test_a_strict_model_is_read_as_json() -> None:
    def sealed(payload: Sealed) -> Any:
        return payload.day

    assert call(sealed, {"day": "2026-01-02"}) == date(2026, 1, 2)
    assert "payload.day is 5, wanted is" in refusal(sealed, {"day": 5})


def test_what_does_not_fit_names_each_field_what_was_there_and_what_is_wanted() -> None:
    assert refusal(cleanup, {"retention_days": "ten", "dry_run": [1], "days": 1}) == (
        "payload.days is not known, known are retention_days, dry_run; "
        'payload.retention_days is "ten", wanted is a valid integer, unable to parse string as an integer; '
        "payload.dry_run is a list of 1, wanted is a valid boolean"
    )
    assert refusal(cleanup, {}) == "payload.retention_days is missing, wanted is int"
    assert refusal(cleanup, None) == "payload.retention_days is missing, wanted is int"
    assert refusal(cleanup, [1]) == "payload is a list of 1, wanted is an object with retention_days, dry_run"
    assert refusal(cleanup, "x") == 'payload is "x", wanted is an object with retention_days, dry_run'
    assert refusal(report, {"format": "doc", "recipients": ["a", 1]}) == (
        "payload.day is missing; payload.format is \"doc\", wanted is 'csv' or 'pdf'; "
        "payload.recipients[1] is 1, wanted is a valid string"
    )
    assert refusal(numbers, {"a": 1}) == "payload is an object of 1 keys, wanted is a valid array"
    assert refusal(positive, {"size": 0}) == "payload.size is 0, wanted is greater than or equal to 1"
    assert refusal(only_window, None).startswith("payload is null, wanted is ")


def test_a_message_stays_small_and_keeps_secrets() -> None:
    def sealed(payload: Sealed) -> Any:
        return payload

    assert "hunter2" not in refusal(sealed, {"day": "2026-01-01", "password": "hunter2"})
    assert "payload.password is not shown here" in refusal(sealed, {"day": "2026-01-01", "password": "hunter2"})
    assert "hunter2" not in refusal(sealed, {"day": "redis://me:hunter2@db/0"})
    long = refusal(name, {"name": ["x"] * 1000, **{f"key {number} {'x' * 900}": 1 for number in range(100)}})
    assert len(long) < 3_000
    assert long.endswith("; and 81 more")
    assert 'payload["key 0 xxx' in long
    assert refusal(name, {"name": 10**200}).count("0") < 70


@pytest.mark.parametrize("key", ["__class__", "self", "run", "args", "kwargs", "__dict__", "function", "payload"])
def test_odd_keys_do_no_harm(key: str) -> None:
    class Bound:
        def method(self, size: int, **others: Any) -> Any:
            return size, others

        def __call__(self, size: int, run: Run, **others: Any) -> Any:
            return size, run.id, others

    assert f"payload.{key} is not known" in refusal(cleanup, {"retention_days": 1, key: "x"})

    class Heir(Bound): ...

    taken = key == "self"
    for function, more in ((Bound().method, ()), (Bound(), ("r1",)), (Heir(), ("r1",))):
        if taken or (key == "run" and more):
            assert f"payload.{key} is not known" in refusal(function, {"size": 1, key: "x"})
        else:
            assert call(function, {"size": 1, key: "x"}) == (1, *more, {key: "x"})
    assert call(everything, {key: 1}) == {key: 1}
    assert call(report, {"day": "2026-01-02", key: 1}) == Report(day=date(2026, 1, 2))


def test_the_rest_of_the_keys_goes_where_it_is_wanted() -> None:
    assert call(rest, {"size": 1, "a": 2, "b": "2.5"}) == (1, {"a": 2.0, "b": 2.5})
    assert refusal(rest, {"size": 1, "a": "x"}).startswith('payload.a is "x", wanted is a valid number')
    assert call(everything, None) == {}


@pytest.mark.parametrize("payload", ["\ud800", {"day": "\ud800"}, {"day": float("nan")}, {"day": 10**400}])
def test_a_payload_that_is_hardly_json_is_refused_like_others(payload: Any) -> None:
    assert refusal(report, payload)


def test_deep_payloads_are_refused_not_fatal() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    assert refusal(numbers, deep)


def test_an_async_function_is_read_the_same_way() -> None:
    async def days(days: int) -> int:
        return days

    function = describe("f", days)
    assert function.is_async
    coroutine = function.invoke({"days": "3"}, Run)
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    assert stopped.value.value == 3
    assert "payload.days" in refusal(days, {"days": []})


def test_a_run_is_known_by_its_type_and_only_by_that() -> None:
    def optional(payload: Any, context: Run | None = None) -> Any:
        return payload, context and context.id

    def quoted(days: int, context: "Run") -> Any:  # noqa: UP037 - as people write it
        return days, context.id

    assert call(optional, 7) == (7, "r1")
    assert call(quoted, {"days": 7}) == (7, "r1")

    space: dict[str, Any] = {}
    exec(
        "from dataclasses import dataclass\n@dataclass\nclass Run:\n  size: int\n"
        "def f(payload: 'Run'): return payload.size",
        space,
    )
    assert call(space["f"], {"size": 3}) == 3
    exec("def g(payload, context: 'Run'): return context.id", space := {})
    assert call(space["g"], None) == "r1"


def test_whether_a_run_is_taken_is_known() -> None:
    taking = {function: describe("f", function).takes_run for function in (cleanup, report, only_window, positional)}
    assert taking == {cleanup: True, report: False, only_window: True, positional: True}
    assert describe("f", lambda payload, run: None).takes_run
    assert not describe("f", lambda payload: None).takes_run


class Unreadable:
    pass


def unreadable(payload: Unreadable) -> None: ...


def unreadable_key(size: int, conn: Unreadable) -> None: ...


def unknown_type(payload: Sized) -> None: ...


def wrong_default(size: int = Field(1, ge=1)) -> None: ...


def two_runs(run: Run, context: Run) -> None: ...


def whole_and_more(payload: Report, other: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (unreadable, "takes 'payload' as Unreadable, which pydantic cannot read a payload into"),
        (unreadable_key, "takes 'conn' as Unreadable"),
        (unknown_type, "annotates 'payload' with 'Sized', which is not known .* not under TYPE_CHECKING"),
        (wrong_default, r"has a Field as the default of 'size'; write it into the annotation: size: Annotated\[…"),
        (two_runs, "takes the Run twice, as 'run' and as 'context'; take it once"),
        (whole_and_more, "needs 'other' beside the whole payload"),
    ],
)
def test_what_cannot_be_read_is_refused_when_it_is_registered(function: Any, says: str) -> None:
    registry = Registry()
    with pytest.raises(HandlerError, match=says) as caught:
        registry.add("f", function)
    assert f"'f' at {__file__}:{function.__code__.co_firstlineno}" in str(caught.value)
    assert registry.names == ()


def test_what_a_message_shows_is_json() -> None:
    text = refusal(name, {"name": None})
    assert text == "payload.name is null, wanted is a valid string"
    assert json.dumps(None) in text
