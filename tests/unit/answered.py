"""A call of a client that swallows its cancellation."""

import asyncio
from typing import Any


class Answered:
    """A call that waits, and that is answered in the moment of its cancellation."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked = asyncio.Event()

    async def __call__(self, *args: Any, **options: Any) -> Any:
        first = not self.asked.is_set()
        self.asked.set()
        if not first:
            return self.answer
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return self.answer
