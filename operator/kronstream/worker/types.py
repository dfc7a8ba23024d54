"""The handler types that a worker offers beside functions."""

from __future__ import annotations

from kronstream.worker.http.type import HttpType
from kronstream.worker.registry import HandlerType
from kronstream.worker.services import Services


def built_in(services: Services) -> tuple[HandlerType, ...]:
    """One of each; their names begin with @."""
    return (HttpType(services),)
