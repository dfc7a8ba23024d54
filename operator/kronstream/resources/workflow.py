"""The handler type `workflow`: work that another system runs."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kronstream.domain import judgement
from kronstream.domain.errors import Invalid
from kronstream.domain.judgement import MAX_LENGTH
from kronstream.resources.base import Part
from kronstream.resources.rule import Rule, Ruled, listed
from kronstream.resources.scalars import FunctionName
from kronstream.resources.template import ResourceTemplate

FORMS: tuple[str, ...] = ("resource", "stream")

Expression = Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]


class WorkflowResource(Part):
    """A custom resource, made for each attempt in the namespace of the ScheduledJob and judged by its fields."""

    template: ResourceTemplate
    """The resource: apiVersion, kind, metadata (labels and annotations) and what its kind asks for; at most 64 KiB. It
    is made, read and deleted with the rights of serviceAccountName, and only of kinds that the workers' administrator
    allows.
    """
    success: Expression
    """Whether it has succeeded, as a CEL expression over `object` such as `object.status.phase == "Succeeded"`. A field
    that is not there yet means that it is not yet over.
    """
    failure: Expression | None = None
    """Whether it has failed, as a CEL expression over `object`. Without one only the timeout ends what does not
    succeed.
    """
    cleanup: Literal["Always", "OnSuccess", "Never"] = "Never"
    """Whether the resource is deleted once it is over. It always is when the run is cancelled or times out, and when
    the ScheduledJob is deleted.
    """


class WorkflowStream(Part):
    """A workflow of an engine that reads a stream: each attempt writes an order into the stream of workflows, and the
    reply ends it.
    """

    name: FunctionName
    """The workflow's name, as those who read the stream know it."""


def _given(workflow: Workflow) -> tuple[str, ...]:
    return tuple(name for name in FORMS if getattr(workflow, name) is not None)


class Workflow(Ruled):
    """Work that another system runs."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"[{', '.join(f'has(self.{name})' for name in FORMS)}].filter(x, x).size() == 1",
            holds=lambda workflow: len(_given(workflow)) == 1,
            fault="does not say one workflow to run",
            instead=f"write exactly one of {listed(FORMS, 'or')}" if len(FORMS) > 1 else f"write {FORMS[0]}",
            detail=lambda workflow: " and ".join(_given(workflow)) or "nothing",
        ),
    )

    resource: WorkflowResource | None = None
    """A custom resource, such as an Argo Workflow or a Tekton PipelineRun, made for each attempt in this namespace and
    judged by its fields.
    """
    stream: WorkflowStream | None = None

    def judge(self, at: str) -> None:
        """Raises Invalid for an expression that cannot be used; `at` is the path of this object."""
        if self.resource is None:
            return
        for name, text in (("success", self.resource.success), ("failure", self.resource.failure)):
            if text is not None:
                try:
                    judgement.compile(text)
                except ValueError as fault:
                    raise Invalid(f"{at}.resource.{name}", str(fault)) from None
