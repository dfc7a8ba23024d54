"""The trace context of an attempt."""

import re

import pytest

from kronstream.domain.trace import adoption, dispatch, named, parent, trace_id, traceparent

ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{ID}-00f067aa0ba902b7-00"


@pytest.mark.parametrize(
    ("given", "found"),
    [(ID, ID), (ID.upper(), ID), (f" {ID} ", ID), (PARENT, ID), (f"01-{ID}-00f067aa0ba902b7-01-more", ID)],
)
def test_a_trace_that_was_given_goes_on(given: str, found: str) -> None:
    assert trace_id("run", given) == found


@pytest.mark.parametrize(
    "given",
    [None, "", "0" * 32, ID[:-1], "z" * 32, f"ff-{ID}-00f067aa0ba902b7-01", f"00-{'0' * 32}-00f067aa0ba902b7-01",
     f"00-{ID}-{'0' * 16}-01", "8f8f8f8f-5d0c-4a8e-9f0a-2d7e3a1c9b11"],
)  # fmt: skip
def test_any_other_makes_a_trace_of_the_run(given: str | None) -> None:
    found = trace_id("u-s1", given)

    assert re.fullmatch("[0-9a-f]{32}", found)
    assert found == trace_id("u-s1") != trace_id("u-s2")


def test_an_attempt_has_a_span_of_its_own_in_the_trace_of_its_run() -> None:
    first, second = traceparent("u-s1", 1, ID), traceparent("u-s1", 2, ID)

    assert re.fullmatch(f"00-{ID}-[0-9a-f]{{16}}-01", first)
    assert first[:36] == second[:36]
    assert first != second
    assert first == traceparent("u-s1", 1, ID)


def test_what_was_not_sampled_is_not() -> None:
    assert traceparent("u-s1", 1, PARENT).endswith("-00")


def test_the_attempts_of_a_scheduled_run_lie_below_its_dispatch() -> None:
    assert parent("u-s1") == dispatch("u-s1")
    assert dispatch("u-s1")[3:35] == trace_id("u-s1")
    assert dispatch("u-s1") not in (traceparent("u-s1", 1), dispatch("u-s2"))


def test_a_run_that_was_asked_for_lies_below_who_told_a_trace_or_below_nobody() -> None:
    assert parent("u-m1", PARENT) == parent("u-s1", PARENT) == PARENT
    assert parent("u-m1") is None


def test_every_generation_has_an_adoption_of_its_own() -> None:
    found = {adoption("u", 1), adoption("u", 2), adoption("v", 1)}
    assert len(found) == 3
    assert all(named(one) for one in found)
