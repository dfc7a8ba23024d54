"""The pure parts of the benchmarks."""

from collections import Counter

import pytest
from benchmarks.against import swept
from benchmarks.fill import Books
from benchmarks.latency import spread_jobs
from benchmarks.meter import Reading, between
from benchmarks.report import judged, share_of, spread


def test_a_cost_is_the_difference_of_two_readings() -> None:
    cost = between(Reading(10.0, 1.0, 5.0, 1000, 400), Reading(12.0, 2.5, 6.0, 9000, 2400), 4000)
    assert cost.rate == 2000
    assert cost.redis_share == 0.75
    assert cost.process_share == 0.5
    assert cost.each(cost.received + cost.sent) == 2.5


@pytest.mark.parametrize(("runs", "later"), [(0, 1.0), (-1, 1.0), (5, 0.0), (5, -1.0)])
def test_nothing_is_not_measured(runs: int, later: float) -> None:
    with pytest.raises(ValueError, match="nothing to measure"):
        between(Reading(10.0, 0, 0, 0, 0), Reading(10.0 + later, 0, 0, 0, 0), runs)


@pytest.mark.parametrize(
    ("value", "goal", "word"),
    [
        (0.8, {"at_least": 0.8}, "reached"), (0.79, {"at_least": 0.8}, "MISSED"),
        (1.9, {"below": 2.0}, "reached"), (2.0, {"below": 2.0}, "MISSED"),
    ],
)  # fmt: skip
def test_a_goal_is_reached_or_missed(value: float, goal: dict[str, float], word: str) -> None:
    assert judged(value, **goal).endswith(word)


def test_a_judgement_needs_a_goal() -> None:
    with pytest.raises(AssertionError):
        judged(1.0)


def test_shares_are_by_the_nearest_rank() -> None:
    hundred = [float(number) for number in range(100, 0, -1)]
    assert [share_of(hundred, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 50.0, 99.0, 100.0]
    assert share_of([3.0], 0.99) == 3.0
    with pytest.raises(ValueError, match="no values"):
        share_of([], 0.5)


def test_the_spread_is_told() -> None:
    assert spread([3.0, 1200.0, 7.5]) == "3 times, 3 to 1,200"


def test_a_sweep_is_told_by_setting() -> None:
    assert swept("pool", {"solo:1": 900.4, "threads:4": 1200.0}) == "pool solo:1: 900, threads:4: 1,200"


def test_books_in_order_have_no_faults() -> None:
    assert Books(Counter(success=8, failed=2), listed=10, counted=10).faults(10) == []


@pytest.mark.parametrize(
    ("books", "fault"),
    [
        (Books(Counter(success=9), missing=1, listed=10, counted=10), "1 records are missing"),
        (Books(Counter(success=9, retrying=1), listed=10, counted=10), "1 runs have no end"),
        (Books(Counter(success=10), listed=10, counted=11), "1 ends too many or too few in the jobs' counters"),
        (Books(Counter(success=10), listed=9, counted=10), "-1 ends too many or too few in the jobs' histories"),
        (Books(Counter(success=10), listed=10, counted=10, entries=3), "3 entries are left in the stream"),
    ],
)
def test_books_tell_what_contradicts_them(books: Books, fault: str) -> None:
    assert books.faults(10) == [fault]


def test_late_jobs_are_spread_over_the_second() -> None:
    jobs = spread_jobs(200, 1_784_116_800_000)
    anchors = [job["spec"]["anchor"] for job in jobs]
    assert len(set(anchors)) == 200
    assert anchors[:2] == ["2026-07-15T12:00:00Z", "2026-07-15T12:00:00.005Z"]
