"""The handler type `workflow`: work that another system runs."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kronstream.domain.judgement import MAX_LENGTH
from kronstream.resources.base import Part
from kronstream.resources.rule import Rule, Ruled, listed
from kronstream.resources.template import ResourceTemplate

FORMS: tuple[str, ...] = ("resource",)

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
    """A custom resource, such as an Argo Workflow or a Tekton PipelineRun."""
