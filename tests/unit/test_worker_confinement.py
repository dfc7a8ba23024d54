"""Whose runs a worker executes, and what a person reads whose run it does not."""

import pytest

from kronstream.domain.run import Reason
from kronstream.worker.confinement import refusal


@pytest.mark.parametrize("serves", [(), ("team-b",), ("team-a", "team-b")], ids=["all", "one", "two"])
def test_a_run_of_a_namespace_that_is_served_is_executed(serves: tuple[str, ...]) -> None:
    assert refusal(serves, "team-b", "default") is None


def test_a_run_of_another_namespace_fails_for_good_and_the_message_says_what_to_write() -> None:
    ended = refusal(frozenset({"team-c", "team-a"}), "team-b", "reports")

    assert ended is not None
    assert ended.failure is not None
    assert (ended.reason, ended.failure.type) == (Reason.PERMANENT, "NamespaceNotServed")
    assert ended.failure.message == (
        "the workers of the queue 'reports' execute runs of team-a, team-c alone, not of team-b; write another "
        "spec.queue, one whose workers serve team-b"
    )


def test_a_long_list_of_namespaces_is_cut() -> None:
    ended = refusal(frozenset(f"team-{number:04}" for number in range(1_000)), "other", "default")

    assert ended is not None
    assert ended.failure is not None
    assert len(ended.failure.message) < 600
    assert "team-0019 and 980 more alone, not of other" in ended.failure.message
