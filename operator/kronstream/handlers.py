"""What a module of handlers imports: `from kronstream.handlers import Permanent, Run, handler`."""

from kronstream.worker.context import Run
from kronstream.worker.registry import handler
from kronstream.worker.rulings import Permanent, RetryAfter

__all__ = ["Permanent", "RetryAfter", "Run", "handler"]
