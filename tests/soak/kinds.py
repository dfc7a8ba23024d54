"""The load: one job of each kind, how many of its runs are due in a second, and how they may end."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from builders import adoption
from kronstream.domain.limits import Gate, key_name
from kronstream.domain.retry import Retry
from kronstream.domain.run import Lane, Reason, State
from kronstream.ports import Adoption

End = tuple[State, str | None]
SUCCESS: End = (State.SUCCESS, None)
CANCELLED: End = (State.CANCELLED, Reason.REQUESTED)
# an attempt whose process or worker is killed ends so; for those that have no other it is the end of the run
KILLED: tuple[End, ...] = ((State.FAILED, Reason.WORKER_LOST), (State.FAILED, Reason.CRASHED))
PATIENT = Retry(limit=15, initial=200, factor=1.5, maximum=3_000)
ONCE = Retry(limit=0)
HISTORY = 20  # seconds of its runs that a job keeps
FEWEST = 800  # records that it keeps in any case: after an outage many end at once


@dataclass(frozen=True)
class Kind:
    """One job. `rate` is runs a second; `ends` what may become of a run that nobody cancels.

    `skips` tells that instants may make no run. `asked` is how many more a second are asked for, with payloads of
    their own; `cancelled` which part of its runs somebody tries to cancel.
    """

    name: str
    function: str
    rate: float
    payload: Any = None
    ends: frozenset[End] = frozenset({SUCCESS})
    skips: bool = False
    asked: float = 0.0
    cancelled: float = 0.0
    seen: bool = True  # its handler leaves lines
    most: tuple[str, int] | None = None  # what it shares with others, and how many of those execute at a time
    work: Mapping[str, Any] = field(default_factory=dict)
    job: Mapping[str, Any] = field(default_factory=dict)

    @property
    def uid(self) -> str:
        """The job's."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, self.name))

    def every(self, scale: float) -> int:
        """Milliseconds between its instants, at `scale` times its rate."""
        return max(2, round(1000 / (self.rate * scale)))

    def adoption(self, cursor: int, scale: float) -> Adoption:
        """Its job, with a history that is read before it is forgotten."""
        work = {
            "name": self.name, "function": self.function, "payload": self.payload, "timeout": 60_000, "retry": PATIENT,
        } | dict(self.work)  # fmt: skip
        keep = max(FEWEST, round((self.rate + self.asked) * scale * HISTORY))
        fields = {"backlog": 1_000_000, "keep_good": keep, "keep_bad": keep, "keep_age": 3_600_000} | dict(self.job)
        return adoption(
            self.uid, name=self.name, cursor=cursor, function=self.function, deliveries=10, work_fields=work, **fields
        )


def kinds() -> list[Kind]:
    """All of them: about 220 runs a second."""
    return [*_plain(), *_failing(), *_limited()]


def _plain() -> Iterator[Kind]:
    yield Kind("noop", "soak:noop", 60)
    yield Kind("awaits", "soak:awaits", 40, {"least": 1, "most": 500}, cancelled=0.05)
    yield Kind("sync", "soak:sync", 15, {"least": 0, "most": 30}, cancelled=0.03)
    yield Kind("prints", "soak:prints", 2, {"lines": 400})
    yield Kind("large", "soak:echo", 8, {"text": "é" * 3_000}, asked=3)
    yield Kind("large-sync", "soak:sync-echo", 3, {"text": "y" * 8_000}, asked=1)
    yield Kind(
        "agent", "@agent", 4, {"documents": ["a", "b"], "seconds": 0.05}, seen=False, cancelled=0.02,
        work={"call": {"name": "review"}},
    )  # fmt: skip
    for lane in (Lane.CRITICAL, Lane.HIGH, Lane.LOW):
        yield Kind(
            f"reports-{lane}", "soak:awaits", 8, {"least": 1, "most": 60}, job={"queue": "reports", "lane": lane}
        )


def _failing() -> Iterator[Kind]:
    yield Kind("fails", "soak:fails", 8, {"failures": 2}, cancelled=0.05)
    yield Kind(
        "hopeless", "soak:fails", 3, {"failures": 99}, frozenset({(State.FAILED, Reason.ERROR), *KILLED}),
        work={"retry": Retry(limit=1, initial=100)},
    )  # fmt: skip
    late = frozenset({(State.FAILED, Reason.TIMEOUT), *KILLED})
    slow = {"least": 30_000, "most": 30_000}
    yield Kind("late", "soak:awaits", 2, slow, late, work={"timeout": 1_000, "retry": ONCE})
    yield Kind("late-sync", "soak:sync", 0.5, slow, late, work={"timeout": 1_000, "retry": ONCE})
    yield Kind("crashes", "soak:crashes", 1, {"failures": 1})
    crashed = frozenset(KILLED)
    yield Kind("dies", "soak:crashes", 0.5, {"failures": 99}, crashed, work={"retry": Retry(limit=2, initial=50)})
    yield Kind(
        "blocks", "soak:blocks", 0.05, {"shorter": 2.5, "longer": 20}, frozenset({SUCCESS, *late}),
        work={"timeout": 1_000, "retry": ONCE}, job={"queue": "rough"},
    )  # fmt: skip


def _limited() -> Iterator[Kind]:
    yield Kind("limited", "soak:limited", 10, {"least": 50, "most": 150}, cancelled=0.03, most=("function", 3))
    yield Kind("slow", "soak:awaits", 5, {"least": 100, "most": 400}, most=("queue", 4), job={"queue": "slow"})
    short = {"least": 50, "most": 150}
    yield Kind(
        "queue", "soak:awaits", 5, short, skips=True, cancelled=0.03, asked=0.5, most=("itself", 1),
        job={"policy": "Queue", "max_concurrent": 1, "max_queued": 50},
    )  # fmt: skip
    alone = {"policy": "Forbid", "max_concurrent": 1}
    yield Kind("forbid", "soak:awaits", 8, short, skips=True, most=("forbidden", 1), job=alone)
    replaced = frozenset({SUCCESS, (State.CANCELLED, Reason.REPLACED), (State.SKIPPED, Reason.OVERLAP)})
    yield Kind(
        "replace", "soak:awaits", 3, {"least": 100, "most": 900}, replaced, skips=True, most=("replaced", 1),
        job={"policy": "Replace", "max_concurrent": 1},
    )  # fmt: skip
    for name in ("group-a", "group-b"):
        yield Kind(
            name, "soak:awaits", 6, short, cancelled=0.03, most=("group", 2), job={"group": "pair", "group_max": 2}
        )
    key = Gate(key_name("default", "customer", "acme"), max=2)
    yield Kind("keys", "soak:awaits", 6, short, cancelled=0.03, most=("key", 2), job={"keys": (key,)})


LIMITS = ("function:soak:limited=3+40/1s", "queue:slow=4")
