"""Makes a process with this folder on its PYTHONPATH fall sick once the file SICK_WHEN is there: what goes on in it
waits for ever. A standstill is one after SICK_AFTER seconds, in place of minutes.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn

WHEN, AFTER = Path(os.environ["SICK_WHEN"]), float(os.environ["SICK_AFTER"])


def hanging(call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The same until then; after that, one that never returns."""

    async def called(*arguments: Any, **named: Any) -> Any:
        if WHEN.exists():
            await asyncio.Event().wait()
        return await call(*arguments, **named)

    return called


if "operator" in sys.orig_argv:
    from kronstream.cluster import watch
    from kronstream.controller import ticker
    from kronstream.streams.ledger import RedisLedger

    async def turn(pace: Any) -> NoReturn:
        """As it is, until it takes the thread of the watch with it."""
        while not WHEN.exists():
            pace.on()
            await asyncio.sleep(0.5)
        raise SystemExit

    ticker.STUCK = watch.STUCK = AFTER
    watch.turn = turn
    RedisLedger.dispatch = hanging(RedisLedger.dispatch)  # type: ignore[method-assign,assignment]
if "router" in sys.orig_argv:
    from kronstream.events import delivery
    from kronstream.streams.effects import RedisEffects

    delivery.STUCK = AFTER
    RedisEffects.route = hanging(RedisEffects.route)  # type: ignore[method-assign,assignment]
if "worker" in sys.orig_argv:
    from kronstream.streams.runqueue import RedisRunQueue
    from kronstream.worker import heart

    heart.STUCK = AFTER
    RedisRunQueue.beat = hanging(RedisRunQueue.beat)  # type: ignore[method-assign,assignment]
