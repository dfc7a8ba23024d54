"""Orphans: programs that handlers started and left behind.

They become children of the first process of their namespace, in a container the supervisor. Nobody else waits for them
there, and each would keep its process id until the container ends.
"""

import asyncio
import contextlib
import os

import psutil

LOOK = 5.0  # seconds


def reap(dead: set[int]) -> set[int]:
    """Take leave of children that were dead at the look before, `dead`, already; answers who is dead now.

    Whoever waits for a child of his own has done so between two looks.
    """
    now = {child.pid for child in psutil.Process().children() if _is_dead(child)}
    for pid in now & dead:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    return now - dead


def _is_dead(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def look_after(every: float = LOOK) -> None:
    """Reap every few seconds where this process is the first one, until cancelled."""
    dead: set[int] = set()
    while os.getpid() == 1:
        dead = reap(dead)
        await asyncio.sleep(every)
