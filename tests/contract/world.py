"""Two stores that get every step, the one in memory as the model and Redis as the real thing."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from builders import WHEN, card
from contract.stores import ModelStore, RedisStore, Store
from kronstream.domain.limits import Gate
from kronstream.domain.retry import Retry
from kronstream.domain.run import State
from kronstream.ports import Claim
from kronstream.streams.connection import connect

UIDS = ("job-a", "job-b", "job-c")
WORKERS = ("worker-1", "worker-2")
FOREVER = 10**9
Pair = tuple[Claim, Claim]  # of the model and of Redis: they differ in their tokens alone
picks = st.integers(0, 99)
uids = st.sampled_from(UIDS)
workers = st.sampled_from(WORKERS)
KEYS = (Gate("k/default/a", max=1), Gate("k/default/b", max=2))

specs = st.fixed_dictionaries(
    {
        "policy": st.sampled_from(["Allow", "Forbid", "Replace", "Queue"]),
        "max_concurrent": st.integers(1, 2),
        "max_queued": st.integers(1, 2),
        "group": st.sampled_from(["", "g"]),
        "group_max": st.integers(1, 2),
        "end_runs": st.sampled_from([None, None, None, 8]),
        "end_successes": st.sampled_from([None, None, None, 3]),
        "suspend_after": st.sampled_from([None, 2]),
        "backlog": st.integers(1, 4),
        "expected": st.sampled_from([None, None, 1]),
        "total": st.sampled_from([None, None, None, FOREVER // 2]),
        "deliveries": st.sampled_from([1, 3]),
        "keys": st.sampled_from([(), (), KEYS[:1], KEYS[1:], KEYS]),
        "keep_good": st.sampled_from([1, 50]),
        "keep_bad": st.sampled_from([1, 50]),
        "work_fields": st.builds(
            lambda limit, initial: {"retry": Retry(limit=limit, initial=initial)},
            st.integers(0, 2),
            st.sampled_from([0, FOREVER]),
        ),
    }
)


class World(RuleBasedStateMachine):
    """Every answer of Redis is compared with the model's."""

    def __init__(self, socket: Path) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.model = ModelStore()
        self.real = RedisStore(connect(f"unix://{socket}"))
        self.runner.run(self.real.open())
        self.start = self.model.now() - 86_400_000
        self.generations: Counter[str] = Counter()
        self.whens = dict.fromkeys(UIDS, WHEN)
        self.moved: set[str] = set()
        self.short: set[str] = set()
        self.cards = {name: card(name) for name in WORKERS}
        self.held: dict[str, dict[str, Pair]] = {name: {} for name in WORKERS}
        self.stale: list[Pair] = []
        self.handed: set[str] = set()
        self.ended: dict[str, State] = {}
        self.asked = 0

    def teardown(self) -> None:
        self.runner.run(self.real.redis.aclose())
        self.runner.close()

    def both(self, act: Callable[[Store], Awaitable[Any]]) -> tuple[Any, Any]:
        async def acts() -> tuple[Any, Any]:
            answers = await act(self.model), await act(self.real)
            # what happens in the same millisecond has no order: the next step is in another one
            self.model.clock.advance(1)
            begin = self.real.now()
            while self.real.now() == begin:
                pass
            return answers

        return self.runner.run(acts())

    def same(self, act: Callable[[Store], Awaitable[Any]]) -> Any:
        expected, found = self.both(act)
        if isinstance(found, tuple) and found != expected:
            # of what is told, what differs
            expected, found = zip(
                *(pair for pair in zip(expected, found, strict=True) if pair[0] != pair[1]), strict=True
            )
        assert found == expected, f"Redis: {found}\nmodel: {expected}"
        return found

    def claimed(self, act: Callable[[Store], Awaitable[list[Claim]]]) -> list[Pair]:
        expected, found = self.both(act)
        assert [_timeless(claim) for claim in found] == [_timeless(claim) for claim in expected]
        return list(zip(expected, found, strict=True))

    def side(self, store: Store, pair: Pair) -> Claim:
        return pair[0] if store is self.model else pair[1]

    def unfinished(self) -> list[str]:
        """Runs that could end."""
        return sorted(run for uid in UIDS for run in self.model.memory.active[uid])


def _timeless(claim: Claim) -> Claim:
    """What two stores agree on: each makes tokens of its own, and their clocks go on while they are asked in turn."""
    return replace(claim, token="", spent=0)
