"""What a run executes: exactly one of the handler types."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from kronstream.resources.base import Part
from kronstream.resources.batchjob import BatchJob
from kronstream.resources.http import Http
from kronstream.resources.rule import Rule, Ruled, listed
from kronstream.resources.scalars import Amount, FunctionName, Span
from kronstream.resources.workflow import Workflow


class Function(Part):
    """A function that a worker offers under a name."""

    name: FunctionName
    """The name the function is registered under in the workers, such as `cleanup:old_traces`. Never a path to code."""

    memory: Annotated[int, Amount("16Mi", "1Ti")] | None = None
    """Memory that a run may take on top of what its process has loaded, from 16Mi to 1Ti, such as `256Mi`; for
    functions without async. A run that needs more fails, as `memory_limit` in retry.onlyOn and notOn. The worker's own
    limit, if it has one, when left out.
    """

    cpu_time_ms: Annotated[int, Span("1s", "30d")] | None = None
    """Processor time that a run may use, from 1s to 30d, such as `30s`; for functions without async. A run that uses
    more is killed, and fails as `cpu_limit` in retry.onlyOn and notOn. The worker's own limit, if it has one, when left
    out.
    """


class Agent(Part):
    """An agent that does the work: each attempt writes an order into the stream of agents, and the reply ends it."""

    name: FunctionName
    """The agent's name, as those who read the stream know it."""


# the types by their fields; a type other than function is offered by workers under its name with an @ before it
TYPES: tuple[str, ...] = ("function", "http", "job", "workflow", "agent")


def _given(handler: Handler) -> tuple[str, ...]:
    return tuple(name for name in TYPES if getattr(handler, name) is not None)


class Handler(Ruled):
    """What a run executes: exactly one of function, http, job, workflow and agent."""

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
    job: BatchJob | None = None
    workflow: Workflow | None = None
    """Work that another system runs: a custom resource for each attempt, or an order in a stream."""
    agent: Agent | None = None

    def judge(self, at: str) -> None:
        """Raises Invalid for what neither schema nor rules can judge; `at` is the path of this object."""
        if self.http is not None:
            self.http.judge(f"{at}.http")
        if self.workflow is not None:
            self.workflow.judge(f"{at}.workflow")

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

    @property
    def limits(self) -> dict[str, int] | None:
        """What a run of the function may take, as `Work.limits`; None where the spec says nothing."""
        if self.function is None:
            return None
        pairs = (("memory", self.function.memory), ("cpu_time", self.function.cpu_time_ms))
        return {name: value for name, value in pairs if value is not None} or None
