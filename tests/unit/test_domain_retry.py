"""Whether and when an attempt is tried again."""

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain.retry import Retry, covers, delay

retries = st.builds(
    Retry,
    limit=st.integers(0, 2000),
    initial=st.integers(0, 86_400_000),
    factor=st.floats(1, 10),
    maximum=st.integers(0, 86_400_000),
    jitter=st.floats(0, 1),
)


@given(retries, st.integers(1, 3000), st.text())
def test_a_delay_is_within_its_bounds(retry: Retry, attempt: int, seed: str) -> None:
    wait = delay(retry, attempt, seed)
    if attempt > retry.limit:
        assert wait is None
        return
    assert wait is not None
    assert min(retry.initial, retry.maximum) <= wait + 1
    assert wait <= retry.maximum * (1 + retry.jitter)
    assert wait == delay(retry, attempt, seed)


@given(retries, st.integers(1, 100), st.text())
def test_without_jitter_delays_never_fall(retry: Retry, attempt: int, seed: str) -> None:
    flat = Retry(limit=200, initial=retry.initial, factor=retry.factor, maximum=retry.maximum, jitter=0.0)
    before, after = delay(flat, attempt, seed), delay(flat, attempt + 1, seed)
    assert before is not None
    assert after is not None
    assert before <= after <= flat.maximum


def test_delays_grow_by_the_factor_up_to_the_maximum() -> None:
    retry = Retry(limit=5, initial=1000, factor=2.0, maximum=5000, jitter=0.0)
    assert [delay(retry, attempt, "") for attempt in range(1, 7)] == [1000, 2000, 4000, 5000, 5000, None]
    assert retry.attempts == 6


def test_runs_that_failed_together_come_back_apart() -> None:
    retry = Retry(initial=10_000, jitter=1.0)
    waits = {delay(retry, 1, f"run-{number}") for number in range(100)}
    assert len(waits) > 90
    assert all(wait is not None and 10_000 <= wait <= 20_000 for wait in waits)
    assert delay(retry, 1, "run") != delay(Retry(initial=5000, factor=2.0, jitter=1.0), 2, "run")


@pytest.mark.parametrize("attempt", [1, 64, 65, 100])
def test_large_exponents_do_not_overflow(attempt: int) -> None:
    assert delay(Retry(limit=100, factor=10.0, jitter=0.0), attempt, "") == min(10_000 * 10 ** (attempt - 1), 600_000)


def test_a_wait_that_was_asked_for_stands_within_the_limit_and_a_day() -> None:
    retry = Retry(limit=2, initial=1000)
    assert [delay(retry, attempt, "", asked=0) for attempt in (1, 2, 3)] == [0, 0, None]
    assert delay(retry, 1, "", asked=10**12) == 86_400_000


def test_the_fields_of_a_newer_version_are_passed_over() -> None:
    assert Retry.load({"limit": 1, "initial": 5, "mood": "good"}) == Retry(limit=1, initial=5)


@pytest.mark.parametrize(
    ("name", "code", "same"),
    [
        ("ValueError", "ValueError", True),
        ("ValueError", "json.decoder.JSONDecodeError", False),
        ("json.*", "json.decoder.JSONDecodeError", True),
        ("*", "anything", True),
        ("http:503", "http:503", True),
        ("http:5xx", "http:503", True),
        ("http:50x", "http:514", False),
        ("http:5xx", "http:404", False),
        ("http:5xx", "http:5034", False),
        ("exit:3", "exit:3", True),
        ("exit:3", "exit:33", False),
        ("timeout", "timeout", True),
    ],
)
def test_what_a_name_of_a_failure_means(name: str, code: str, *, same: bool) -> None:
    assert covers(name, code) is same


@pytest.mark.parametrize(
    ("only_on", "not_on", "codes", "again"),
    [
        ((), (), (), True),
        ((), (), ("ValueError", "error"), True),
        (("http:5xx",), (), ("http:503", "error"), True),
        (("http:5xx",), (), ("http:404", "error"), False),
        (("timeout",), (), ("timeout",), True),
        ((), ("ValueError",), ("UnicodeDecodeError", "ValueError", "error"), False),
        (("OSError",), ("ConnectionError",), ("ConnectionResetError", "ConnectionError", "OSError"), False),
        (("OSError",), ("ConnectionError",), ("FileNotFoundError", "OSError"), True),
    ],
)
def test_which_failures_are_tried_again(
    only_on: tuple[str, ...], not_on: tuple[str, ...], codes: tuple[str, ...], *, again: bool
) -> None:
    retry = Retry(only_on=only_on, not_on=not_on)
    assert retry.tries_again(codes) is again
    assert Retry.load(json.loads(json.dumps(asdict(retry)))) == retry
