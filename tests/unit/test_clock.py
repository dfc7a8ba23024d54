"""How far this machine's clock is from others, and what is said of it."""

import time
from random import Random

import pytest

from kronstream.clock import DateClock, StoreClock, told


@pytest.mark.parametrize("skew", [-3_000, -1_200, 0, 1_200, 5_000])
def test_dates_of_whole_seconds_tell_a_skew(skew: int) -> None:
    clock, random, server = DateClock(), Random(7), 1_795_000_000.0
    for _ in range(60):
        server += random.random() * 10
        sent = server + skew / 1000
        clock.observe(sent, sent + 0.02, int(server + 0.01))
    assert abs(clock.skew()) <= abs(skew)
    assert abs(clock.skew() - skew) < 200


def test_one_date_accuses_nobody_of_less_than_it_tells() -> None:
    clock = DateClock()
    assert clock.skew() == 0
    clock.observe(100.9, 100.95, 100)
    assert clock.skew() == 0
    clock.observe(103.5, 103.6, 101)
    assert clock.skew() == 1_500


def test_a_clock_that_was_set_right_is_believed() -> None:
    clock = DateClock()
    clock.observe(110.0, 110.1, 100)
    assert clock.skew() == 9_000
    clock.observe(120.0, 120.1, 120)
    assert clock.skew() == 0


def test_the_stores_clock_is_compared_with_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = StoreClock()
    sent = time.monotonic()
    clock.observe(sent, sent + 0.001, int(time.time() * 1e6) + 3_000_000)
    assert abs(clock.skew() + 3_000) < 2_500


def test_what_is_said() -> None:
    assert told(0, 0) == told(-1_000, 1_000) == ""
    assert told(3_210, 0) == "this machine's clock is 3.2 s ahead of Redis's: set it by NTP"
    assert told(-1_500, -2_000) == (
        "this machine's clock is 1.5 s behind Redis's and 2.0 s behind the API server's: set it by NTP"
    )
