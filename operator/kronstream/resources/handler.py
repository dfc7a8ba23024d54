"""What a run executes: exactly one of the handler types."""

from __future__ import annotations

from typing import Any, ClassVar

from kronstream.resources.base import Part
from kronstream.resources.http import Http
from kronstream.resources.rule import Rule, Ruled, listed
from kronstream.resources.scalars import FunctionName


class Function(Part):
    """A function that a worker offers under a name."""

    name: FunctionName
    """The name the function is registered under in the workers, such as `cleanup:old_traces`. Never a path to code."""


# the types by their fields; a type other than function is offered by workers under its name with an @ before it
TYPES: tuple[str, ...] = ("function", "http")


def _given(handler: Handler) -> tuple[str, ...]:
    return tuple(name for name in TYPES if getattr(handler, name) is not None)


class Handler(Ruled):
    """What a run executes."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"[{', '.join(f'has(self.{name})' for name in TYPES)}].filter(x, x).size() == 1",
            holds=lambda handler: len(_given(handler)) == 1,
            fault="does not say one thing to execute",
            instead=f"write exactly one of {listed(TYPES, 'or')}" if len(TYPES) > 1 else "write function",
            detail=lambda handler: " and ".join(_given(handler)) or "nothing",
        ),
    )

    function: Function | None = None
    """A function that a worker offers under a name."""
    http: Http | None = None

    def judge(self, at: str) -> None:
        """Raises Invalid for what neither schema nor rules can judge; `at` is the path of this object."""
        if self.http is not None:
            self.http.judge(f"{at}.http")

    @property
    def offered(self) -> str:
        """The name under which workers offer what executes this."""
        return self.function.name if self.function is not None else f"@{_given(self)[0]}"

    @property
    def call(self) -> dict[str, Any] | None:
        """The block of a handler type as JSON, None for a function."""
        if self.function is not None:
            return None
        block: Part = getattr(self, _given(self)[0])
        return block.model_dump(mode="json", by_alias=True, exclude_none=True)
