"""A worker's end does not wait for a task that swallows its cancellation."""

from __future__ import annotations

import asyncio
import time

from kronstream.rooms import end


def test_a_task_that_swallows_its_cancellation_is_left() -> None:
    heard = False

    async def deaf() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if heard:
                    raise

    async def go() -> float:
        nonlocal heard
        tasks = {asyncio.create_task(deaf()), asyncio.create_task(asyncio.sleep(100, None))}
        await asyncio.sleep(0)
        began = time.monotonic()
        await end(tasks, within=0.05)
        took = time.monotonic() - began
        # one that went on for ever would keep the loop from ending
        left, heard = sum(task.done() for task in tasks), True
        assert left == 1
        return took

    assert asyncio.run(go()) < 5
