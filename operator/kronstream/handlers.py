"""What a module of handlers imports: `from kronstream.handlers import Permanent, RetryAfter, Run, handler`."""

from kronstream.worker.context import LastSuccess, Run
from kronstream.worker.registry import handler
from kronstream.worker.rulings import Permanent, RetryAfter

__all__ = ["LastSuccess", "Permanent", "RetryAfter", "Run", "handler"]
