"""Registering functions by name, and what is refused with which words."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from kronstream.handlers import Run
from kronstream.resources.scalars import FunctionName
from kronstream.worker import registry as registries
from kronstream.worker.registry import HandlerError, Registry


@pytest.fixture
def registry() -> Registry:
    return Registry()


def made() -> Run:
    return Run(id="r1")


def test_every_shape_of_parameters_gets_what_it_asks_for(registry: Registry) -> None:
    def nothing() -> Any:
        return ()

    def payload(payload: Any) -> Any:
        return payload

    def default(data: Any = None) -> Any:
        return data

    def both(payload: Any, run: Run) -> Any:
        return payload, run.id

    def annotated(payload: Any, context: Run) -> Any:
        return payload, context.id

    def swapped(run: Run, payload: Any) -> Any:
        return payload, run.id

    def keyword(payload: Any, *, run: Run) -> Any:
        return payload, run.id

    def positional(payload: Any, run: Run, /) -> Any:
        return payload, run.id

    def only_run(run: Run) -> Any:
        return run.id

    def more(payload: Any, limit: int = 5, *rest: Any, run: Run, **others: Any) -> Any:
        return payload, limit, rest, run.id, others

    for function, wanted in (
        (nothing, ()),
        (payload, 7),
        (default, 7),
        (both, (7, "r1")),
        (annotated, (7, "r1")),
        (swapped, (7, "r1")),
        (keyword, (7, "r1")),
        (positional, (7, "r1")),
        (only_run, "r1"),
        (more, (7, 5, (), "r1", {})),
        (functools.partial(both), (7, "r1")),
    ):
        registry.add("f", function) if registry.get("f") is None else registry.__init__() or registry.add("f", function)  # type: ignore[func-returns-value, misc]
        offered = registry.get("f")
        assert offered is not None
        assert offered.invoke(7, made) == wanted, function


def test_a_run_is_made_only_for_a_function_that_takes_one(registry: Registry) -> None:
    registry.add("f", lambda payload: payload)
    offered = registry.get("f")
    assert offered is not None
    assert offered.invoke(1, lambda: pytest.fail("made")) == 1


def test_async_is_seen_through_partials_and_callable_objects(registry: Registry) -> None:
    async def plain(payload: Any) -> None: ...

    class Called:
        async def __call__(self, payload: Any) -> None: ...

    registry.add("plain", plain)
    registry.add("partial", functools.partial(plain))
    registry.add("object", Called())
    registry.add("sync", lambda payload: None)
    assert {function.name for function in registry if function.is_async} == {"plain", "partial", "object"}


def test_the_decorator_returns_the_function(registry: Registry) -> None:
    @registry.handler("cleanup:old_traces")
    def cleanup(payload: Any) -> int:
        return 1

    assert cleanup(None) == 1
    assert registry.names == ("cleanup:old_traces",)


def test_a_taken_name_names_both_places(registry: Registry) -> None:
    @registry.handler("twice")
    def first(payload: Any) -> None: ...

    with pytest.raises(HandlerError) as caught:

        @registry.handler("twice")
        def second(payload: Any) -> None: ...

    text = str(caught.value)
    assert text.count(f"{__file__}:") == 2
    assert "'twice'" in text


def test_the_same_function_again_is_no_second_one(registry: Registry) -> None:
    def made_twice() -> Any:
        @registry.handler("again")
        def again(payload: Any) -> None: ...

    made_twice()
    made_twice()
    assert registry.names == ("again",)


@pytest.mark.parametrize("name", ["", " a", "a b", "é", "a" * 129, ":a", "a{b}", 7, None])
def test_a_bad_name_says_what_to_write(registry: Registry, name: Any) -> None:
    with pytest.raises(HandlerError, match=r"letters, digits"):
        registry.handler(name)


def test_without_a_name_the_message_shows_how(registry: Registry) -> None:
    with pytest.raises(HandlerError, match=r'like @handler\("cleanup:old_traces"\)'):

        @registry.handler
        def forgotten(payload: Any) -> None: ...


def test_what_cannot_be_called_with_payload_and_run_is_refused(registry: Registry) -> None:
    def three(payload: Any, other: Any, run: Run) -> None: ...
    def keyword(payload: Any, *, more: Any) -> None: ...
    def generator(payload: Any) -> Any:
        yield payload

    async def stream(payload: Any) -> Any:
        yield payload

    for function, says in (
        (three, "needs 'other'"),
        (keyword, "needs 'more'"),
        (generator, "generator"),
        (stream, "generator"),
        (Registry, "not a function"),
        ("text", "not a function"),
    ):
        with pytest.raises(HandlerError, match=says):
            registry.add("f", function)  # type: ignore[arg-type]
    assert registry.names == ()


def test_names_are_those_of_the_resource() -> None:
    words = FunctionName.__metadata__[0]  # type: ignore[attr-defined]
    for name in ("a", "cleanup:old_traces", "a/b.c-d_e", "9", "-a", "a b", "a" * 128, "a" * 129, ""):
        fits = len(name) <= words.maximum and __import__("re").fullmatch(words.pattern, name) is not None
        assert (registries.NAME.fullmatch(name) is not None) == fits, name
