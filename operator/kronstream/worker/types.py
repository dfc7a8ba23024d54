"""The handler types that a worker offers beside functions."""

from __future__ import annotations

from kronstream.worker.elsewhere.streamtype import StreamType
from kronstream.worker.http.type import HttpType
from kronstream.worker.kube.job import JobType
from kronstream.worker.kube.workflow import WorkflowType
from kronstream.worker.registry import HandlerType
from kronstream.worker.services import Services


def built_in(services: Services) -> tuple[HandlerType, ...]:
    """One of each; their names begin with @."""
    settings = services.settings
    reply, externals, wires = settings.reply_stream, services.externals, services.wires
    agent = StreamType("agent", settings.agent_stream, reply, externals, wires)
    return (HttpType(services), JobType(services), WorkflowType(services), agent)
