"""The functions a worker offers: registered by name, so that no payload ever names code."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from kronstream.domain.work import Work
from kronstream.ports import Claim, Recall
from kronstream.worker.context import Run
from kronstream.worker.intake import Intake, Part
from kronstream.worker.parameters import HandlerError, shape_of

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}")  # as the resources' function name

Target = TypeVar("Target", bound=Callable[..., Any])


class HandlerType(Protocol):
    """A way to execute a run other than by a function: its name begins with @; `claim.work.call` is its block."""

    name: str

    async def execute(self, claim: Claim, run: Run) -> Any:
        """Do it; what it returns is the result. Raises what a handler may raise; cancelled, it cleans up."""
        ...

    async def recall(self, recall: Recall, work: Work) -> None:
        """Take back the work elsewhere of an attempt that ended without it; may be asked again. Raises what the call
        that does it raises: it is tried again."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


@dataclass(frozen=True, slots=True)
class Function:
    """A registered function. `args` and `kwargs` tell what it is called with; `place` is `file:line`.

    That of a handler type takes the claim and the Run.
    """

    name: str
    call: Callable[..., Any]
    is_async: bool
    args: tuple[Part, ...]
    kwargs: tuple[tuple[str, Part], ...]
    place: str
    is_type: bool = False

    def invoke(self, payload: Any, run: Callable[[], Run]) -> Any:
        """Call it; a Run is made only for a function that takes one."""
        if self.args == ("payload",) and not self.kwargs:
            return self.call(payload)
        args = [payload if part == "payload" else run() for part in self.args]
        return self.call(*args, **{key: payload if part == "payload" else run() for key, part in self.kwargs})

    @property
    def takes_run(self) -> bool:
        """Whether it is called with a Run."""
        return "run" in self.args or any(part == "run" for _, part in self.kwargs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed(Function):
    """A function whose parameters are read from the payload by their types."""

    intake: Intake

    def invoke(self, payload: Any, run: Callable[[], Run]) -> Any:
        """Call it. Raises Fault, which rules out another attempt, for a payload that does not fit."""
        args, kwargs = self.intake.arguments(payload, run)
        return self.call(*args, **kwargs)

    @property
    def takes_run(self) -> bool:
        """See Function."""
        return self.intake.takes_run


class Registry:
    """Functions by name; a name is given once."""

    def __init__(self) -> None:
        self._functions: dict[str, Function] = {}
        self._types: dict[str, HandlerType] = {}

    def handler(self, name: str) -> Callable[[Target], Target]:
        """Decorator that offers a function under a name and returns it unchanged.

        Its parameters tell what it gets (see parameters.py). Raises HandlerError for a bad or taken name and for a
        function that no payload can be given to.
        """
        given: object = name  # whatever the types say: @handler without a name is easily written
        if not isinstance(given, str) or not NAME.fullmatch(given):
            raise HandlerError(
                f"{name!r:.200} is not a function's name; write letters, digits and _ . : / - (128 at most), "
                'like @handler("cleanup:old_traces")'
            )

        def offer(target: Target) -> Target:
            self.add(name, target)
            return target

        return offer

    def add(self, name: str, target: Callable[..., Any]) -> None:
        """Offer a function under a name; the same function again (a module imported twice) replaces itself."""
        function = describe(name, target)
        other = self._functions.get(name)
        if other is not None and other.place != function.place:
            raise HandlerError(
                f"two handlers are called {name!r}: one at {other.place} and one at {function.place}; rename one"
            )
        self._functions[name] = function

    def add_type(self, kind: HandlerType) -> None:
        """Offer a handler type."""
        self._types[kind.name] = kind
        self._functions[kind.name] = Function(kind.name, kind.execute, True, (), (), "built in", is_type=True)

    def handler_type(self, name: str) -> HandlerType | None:
        """The handler type of a name, or None."""
        return self._types.get(name)

    def get(self, name: str) -> Function | None:
        """The function of a name, or None."""
        return self._functions.get(name)

    def like(self, name: str) -> tuple[str, ...]:
        """The names that somebody may have meant, the nearest first, three at most."""
        return tuple(difflib.get_close_matches(name, self._functions, 3))

    @property
    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._functions))

    def __iter__(self) -> Iterator[Function]:
        return iter(self._functions.values())


def describe(name: str, target: Callable[..., Any]) -> Function:
    """What the worker has to know to call a function. Raises HandlerError when it cannot be called."""
    plain = target
    while isinstance(plain, partial):
        plain = plain.func
    plain = inspect.unwrap(plain)
    place = _place(plain)
    if inspect.isclass(target) or not callable(target):
        raise HandlerError(f"{name!r} at {place} is not a function")
    inner = plain if inspect.isroutine(plain) else getattr(plain, "__call__", plain)  # noqa: B004 - its code is meant
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise HandlerError(f"{name!r} at {place} is a generator; return the result instead of yielding it")
    is_async = inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(inner)
    shape = shape_of(name, target, plain, place)
    if shape.intake is not None:
        return Typed(name, target, is_async, (), (), place, intake=shape.intake)
    return Function(name, target, is_async, shape.args, shape.kwargs, place)


def _place(target: object) -> str:
    code = getattr(target, "__code__", None)
    if code is None:
        code = getattr(vars(type(target)).get("__call__"), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else repr(target)[:200]


offered = Registry()
"""What the decorator fills in this process."""

handler = offered.handler
