"""What an EventHandler does about an event: exactly one of four actions."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from kronstream.resources.base import Part
from kronstream.resources.eventnames import AgentName, JobName, WorkflowName
from kronstream.resources.execution import Execution
from kronstream.resources.handler import Agent, Handler
from kronstream.resources.rule import Rule, Ruled, listed
from kronstream.resources.scalars import Span
from kronstream.resources.workflow import Workflow, WorkflowResource, WorkflowStream

ACTIONS: dict[str, str] = {
    "create_job": "createJob",
    "run_job": "runJob",
    "trigger_workflow": "triggerWorkflow",
    "dispatch_agent": "dispatchAgent",
}


class CreateJob(Execution):
    """A ScheduledJob for each event, that runs once, at once. The same event makes it once, however often it comes.
    Deleting this EventHandler does not end what runs.
    """

    handler: Handler
    ttl_after_finished_ms: Annotated[int, Span("0s", "365d")] = 3_600_000
    """The ScheduledJob is deleted this long after its run is over, from 0s to 365d; its execution records stay."""
    max_open: Annotated[int, Field(ge=1, le=10_000)] = 100
    """How many ScheduledJobs of this handler whose run is not over there may be, from 1 to 10000; further events wait
    until one is.
    """

    @property
    def job(self) -> dict[str, Any]:
        """The fields of the ScheduledJob's spec that this says, as JSON, without payload."""
        return self.model_dump(
            mode="json", by_alias=True, exclude_none=True, exclude_unset=True, exclude={"max_open", "payload"}
        ) | self.model_dump(mode="json", by_alias=True, include={"ttl_after_finished_ms"})


class RunJob(Part):
    """A run of a ScheduledJob of this namespace, under its overlap policy. No resource is made: the cheapest action."""

    name: JobName
    """The ScheduledJob's name. Its run gets the job's payload with the event on top: the event's data as `event_data`
    and its type as `event_name`.
    """


class TriggerWorkflow(Execution, Ruled):
    """Work that another system runs: an order in the stream of workflows, or a custom resource."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.name) != has(self.resource)",
            holds=lambda action: (action.name is None) != (action.resource is None),
            fault="does not say one workflow to run",
            instead="write exactly one of name or resource",
            detail=lambda action: "nothing" if action.name is None else "name and resource",
        ),
    )

    name: WorkflowName | None = None
    """The workflow's name, as those who read the stream of workflows know it; the reply ends the run."""
    resource: WorkflowResource | None = None
    """A custom resource, such as an Argo Workflow or a Tekton PipelineRun, made in this namespace and judged by its
    fields.
    """

    @property
    def workflow(self) -> Workflow:
        """The same as in a job's handler."""
        stream = WorkflowStream(name=self.name) if self.name is not None else None
        return Workflow(stream=stream, resource=self.resource)

    @property
    def handler(self) -> Handler:
        """The same as a job's handler."""
        return Handler(workflow=self.workflow)


class DispatchAgent(Execution):
    """An agent that does the work: an order in the stream of agents, and the reply ends the run."""

    name: AgentName
    """The agent's name, as those who read the stream know it."""

    @property
    def handler(self) -> Handler:
        """The same as a job's handler."""
        return Handler(agent=Agent(name=self.name))


def _given(action: Action) -> tuple[str, ...]:
    return tuple(name for attribute, name in ACTIONS.items() if getattr(action, attribute) is not None)


class Action(Ruled):
    """What is done about an event: exactly one of createJob, runJob, triggerWorkflow and dispatchAgent."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"[{', '.join(f'has(self.{name})' for name in ACTIONS.values())}].filter(x, x).size() == 1",
            holds=lambda action: len(_given(action)) == 1,
            fault="does not say one thing to do",
            instead=f"write exactly one of {listed(ACTIONS.values(), 'or')}",
            detail=lambda action: " and ".join(_given(action)) or "nothing",
        ),
    )

    create_job: CreateJob | None = None
    run_job: RunJob | None = None
    trigger_workflow: TriggerWorkflow | None = None
    dispatch_agent: DispatchAgent | None = None

    @property
    def name(self) -> str:
        """Which of them it is, as in YAML."""
        return _given(self)[0]

    @property
    def execution(self) -> CreateJob | TriggerWorkflow | DispatchAgent | None:
        """How its runs are executed; None for runJob, where the job says it."""
        return self.create_job or self.trigger_workflow or self.dispatch_agent

    @property
    def text(self) -> str:
        """The action in a few words, such as `createJob cleanup:artifacts`."""
        if self.run_job is not None:
            return f"{self.name} {self.run_job.name}"
        return f"{self.name} {_what(self.execution.handler)}" if self.execution is not None else self.name

    def judge(self, at: str) -> None:
        """Raises Invalid for what neither schema nor rules can judge; `at` is the path of this object."""
        if self.create_job is not None:
            self.create_job.handler.judge(f"{at}.createJob.handler")
        if self.trigger_workflow is not None:
            self.trigger_workflow.workflow.judge(f"{at}.triggerWorkflow")


def _what(handler: Handler) -> str:
    """What a handler executes, by its name where it has one."""
    if handler.function is not None:
        return handler.function.name
    if handler.agent is not None:
        return handler.agent.name
    if handler.workflow is not None:
        stream, resource = handler.workflow.stream, handler.workflow.resource
        return stream.name if stream is not None else str(resource.template["kind"]) if resource else "workflow"
    return "http" if handler.http is not None else "job"
