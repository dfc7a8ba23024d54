"""How often the store is asked for a caller's requests, and what they are charged."""

import asyncio
from typing import Any

import pytest

from kronstream.api.limits import CallerLimit

pytestmark = pytest.mark.anyio


class Charged:
    """A limiter that notes what callers are charged."""

    def __init__(self) -> None:
        self.costs: list[int] = []

    async def hit(self, item: object, caller: str, *, cost: int) -> bool:
        del item, caller
        self.costs.append(cost)
        await asyncio.sleep(0)
        return True


@pytest.mark.parametrize(("rate", "costs"), [(30_000, [1, 4, 16, 64, 100, 100]), (60, [1] * 200), (1_000, [1, 4, 10])])
async def test_who_asks_more_is_asked_for_with_more(rate: int, costs: list[int]) -> None:
    charged: Any = Charged()
    limit = CallerLimit(charged, rate, lambda: 100.0)
    for _ in range(200):
        await limit.count("anna")
    assert charged.costs[: len(costs)] == costs
    assert sum(charged.costs[:-1]) < 200 <= sum(charged.costs)


async def test_who_comes_seldom_is_charged_for_nothing_else() -> None:
    charged: Any = Charged()
    now = 0.0
    limit = CallerLimit(charged, 30_000, lambda: now)
    for second in range(0, 60, 3):
        now = float(second)
        await limit.count("anna")
    assert charged.costs == [1] * 20


async def test_requests_at_the_same_time_are_asked_for_together() -> None:
    charged: Any = Charged()
    limit = CallerLimit(charged, 30_000, lambda: 100.0)
    for _ in range(4):
        await asyncio.gather(*(limit.count("anna") for _ in range(50)))
    assert charged.costs == [1, 4, 16, 64, 100, 100]
