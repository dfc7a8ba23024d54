"""What a module of handlers imports: `from kronstream.handlers import Run, handler`."""

from kronstream.worker.context import Run
from kronstream.worker.registry import handler

__all__ = ["Run", "handler"]
