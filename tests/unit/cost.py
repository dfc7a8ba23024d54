"""What a computation costs, whatever else the machine does meanwhile."""

import time
from collections.abc import Callable

TIMES = 3  # a processor that is taken away for a moment may be charged to whoever had it


def cost(work: Callable[[], object]) -> float:
    """Seconds of the processor that this thread used for it, the least of some times."""
    spent = []
    for _ in range(TIMES):
        begin = time.thread_time()
        work()
        spent.append(time.thread_time() - begin)
    return min(spent)
