"""The handler types that a worker offers beside functions."""

from __future__ import annotations

from kronstream.worker.elsewhere.streamtype import StreamType
from kronstream.worker.http.type import HttpType
from kronstream.worker.registry import HandlerType
from kronstream.worker.services import Services


def built_in(services: Services) -> tuple[HandlerType, ...]:
    """One of each; their names begin with @."""
    settings = services.settings
    reply, externals, wires = settings.reply_stream, services.externals, services.wires
    return (HttpType(services), StreamType("agent", settings.agent_stream, reply, externals, wires))
