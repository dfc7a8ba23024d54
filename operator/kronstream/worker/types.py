"""The handler types that a worker offers beside functions."""

from __future__ import annotations

from kronstream.worker.kube.job import JobType
from kronstream.worker.kube.workflow import WorkflowType
from kronstream.worker.registry import HandlerType
from kronstream.worker.services import Services


def built_in(services: Services) -> tuple[HandlerType, ...]:
    """One of each; their names begin with @."""
    return (JobType(services), WorkflowType(services))
