"""What a job's runs of the last time amount to: outcomes, success rate, percentiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from kronstream.domain.run import State
from kronstream.ports import Timing


@dataclass(frozen=True, slots=True)
class Figures:
    """``rate`` is that of the successes among what was executed, None where nothing was. Durations are milliseconds."""

    outcomes: dict[str, int]
    rate: float | None
    durations: dict[str, int | None]
    delays: dict[str, int | None]


def figures(timings: Sequence[Timing]) -> Figures:
    """The figures of some ended runs; a delay is the time from when a run was due until it started."""
    outcomes = Counter(timing.state.value for timing in timings)
    executed = sum(outcomes[state.value] for state in (State.SUCCESS, State.FAILED, State.DEAD))
    durations = sorted(timing.duration for timing in timings if timing.duration is not None)
    delays = sorted(
        max(0, timing.started - timing.nominal)
        for timing in timings
        if timing.started is not None and timing.nominal is not None
    )
    return Figures(
        outcomes={state.value: outcomes[state.value] for state in State if state.terminal},
        rate=round(outcomes[State.SUCCESS.value] / executed, 4) if executed else None,
        durations={name: quantile(durations, part) for name, part in (("p50", 50), ("p95", 95), ("p99", 99))},
        delays={name: quantile(delays, part) for name, part in (("p50", 50), ("p99", 99))},
    )


def quantile(ordered: Sequence[int], percent: int) -> int | None:
    """The least value that so many percent do not exceed (nearest rank)."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else None
