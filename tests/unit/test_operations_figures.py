"""Figures of runs: outcomes, rate, percentiles by nearest rank."""

from kronstream.domain.run import State
from kronstream.operations.figures import figures, quantile
from kronstream.ports import Timing


def test_percentiles_are_values_that_were_there() -> None:
    hundred = list(range(1, 101))
    assert [quantile(hundred, part) for part in (1, 50, 95, 99, 100)] == [1, 50, 95, 99, 100]
    assert [quantile([7], part) for part in (0, 50, 100)] == [7, 7, 7]
    assert quantile([], 50) is None


def test_what_was_never_executed_has_no_part_in_the_rate() -> None:
    ended = [
        Timing(State.SUCCESS, 10, 1, 3, 7),
        Timing(State.FAILED, 10, 5, 4, 1),
        Timing(State.SKIPPED, 10, 5, None, None),
        Timing(State.CANCELLED, 10, None, None, None),
    ]
    found = figures(ended)
    assert found.rate == 0.5
    assert found.outcomes == {"success": 1, "failed": 1, "skipped": 1, "cancelled": 1, "dead": 0}
    assert found.durations == {"p50": 1, "p95": 7, "p99": 7}
    assert found.delays == {"p50": 0, "p99": 2}
    assert figures([]).rate is None
