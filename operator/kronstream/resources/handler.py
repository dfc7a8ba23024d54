"""What a run executes."""

from __future__ import annotations

from kronstream.resources.base import Part
from kronstream.resources.scalars import FunctionName


class Function(Part):
    """A function that a worker offers under a name."""

    name: FunctionName
    """The name the function is registered under in the workers, such as `cleanup:old_traces`. Never a path to code."""


class Handler(Part):
    """What a run executes."""

    function: Function
    """A function that a worker offers under a name."""
