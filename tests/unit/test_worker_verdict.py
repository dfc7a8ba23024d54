"""Who is to blame when a loop process died or stood still, and what becomes of the others."""

from __future__ import annotations

import pytest

from kronstream.domain.retry import Retry
from kronstream.domain.run import Reason, State
from kronstream.worker.slate import NOBODY, Held, Phase
from kronstream.worker.verdict import (
    FOREIGN_STILL,
    SECOND,
    STILL,
    Verdict,
    after_death,
    after_stall,
    hand_back,
    stands_still,
)
from unit.fakequeue import claim

NOW = 1_000 * SECOND
GRACE = 5 * SECOND


def held(slot: int, phase: Phase = Phase.LOOP, deadline: int = NOW, **fields: object) -> Held:
    return Held(slot, phase, deadline, claim("f", run=f"run-{slot}", **fields))


def told(verdict: Verdict) -> tuple[list[tuple[str, State, Reason | None]], list[str]]:
    failed = [(outcome.run, outcome.state, outcome.reason) for outcome in verdict.outcomes]
    return failed, [claim.run for claim in verdict.released]


ALL = [held(0), held(1, deliveries=3), held(2, Phase.CHILD), held(3, Phase.TAKEN), held(4, Phase.ENDED)]
REST = ["run-1", "run-2", "run-3", "run-4"]


def test_who_executed_when_the_process_died_crashed_it() -> None:
    verdict = after_death(ALL, 0, "exited with code 9", NOW)
    assert told(verdict) == ([("run-0", State.FAILED, Reason.CRASHED)], REST)
    failure = verdict.outcomes[0].failure
    assert failure is not None
    assert failure.message == "the worker's process exited with code 9 while the handler executed"


def test_alone_in_the_loop_it_is_blamed_for_a_death_nobody_executed_in() -> None:
    verdict = after_death([ALL[0], *ALL[2:]], None, "was killed by SIGKILL", NOW)
    assert told(verdict) == ([("run-0", State.FAILED, Reason.WORKER_LOST)], REST[1:])


def test_among_several_those_are_suspect_that_came_back_before() -> None:
    assert told(after_death(ALL, None, "x", NOW))[0] == [("run-1", State.FAILED, Reason.WORKER_LOST)]
    retried = [held(0, attempt=3, deliveries=1), held(1)]
    assert told(after_death(retried, None, "x", NOW)) == ([], ["run-0", "run-1"])


def test_an_abandoned_handler_is_nobodys_fault_any_more() -> None:
    assert told(after_death(ALL, NOBODY, "x", NOW))[0] == []
    assert told(after_stall(ALL, NOBODY, NOW))[0] == []


def test_a_run_in_a_child_or_ended_is_never_blamed() -> None:
    assert told(after_death(ALL[2:], 2, "x", NOW)) == ([], REST[1:])
    assert told(hand_back(ALL)) == ([], ["run-0", *REST])


def test_blocking_the_loop_is_a_timeout_and_tried_again_by_the_policy() -> None:
    one = held(0, deadline=NOW - 10 * SECOND, timeout=5_000, retry=Retry(limit=1, initial=1_000, jitter=0))
    verdict = after_stall([one, *ALL[1:]], 0, NOW)
    assert told(verdict) == ([("run-0", State.RETRYING, Reason.TIMEOUT)], REST)
    (outcome,) = verdict.outcomes
    assert (outcome.retry_in, outcome.duration) == (1_000, 15_000)
    assert outcome.failure is not None
    assert "blocked the worker's loop" in outcome.failure.message


@pytest.mark.parametrize(
    ("entries", "executing", "still_for", "expected"),
    [
        ([held(0, deadline=NOW - 2 * GRACE)], 0, STILL - 1, False),  # it ticks
        ([held(0, deadline=NOW - 2 * GRACE)], 0, STILL, False),  # the grace runs from the last tick
        ([held(0, deadline=NOW - 2 * GRACE)], 0, GRACE + 1, True),
        ([held(0, deadline=NOW)], 0, 10 * GRACE, False),  # within its deadline and the grace
        ([held(0, deadline=NOW - GRACE - 1)], 0, 10 * GRACE, True),
        ([held(0, deadline=NOW - GRACE - 1), held(1, deadline=NOW * 2)], 0, 10 * GRACE, True),  # its own deadline
        ([held(0, deadline=NOW - GRACE - 1), held(1, deadline=NOW)], None, 10 * GRACE, False),  # the longest
        ([held(0, deadline=NOW - GRACE - 1), held(1, deadline=NOW - GRACE - 1)], None, 10 * GRACE, True),
        ([], None, FOREIGN_STILL, False),
        ([], None, FOREIGN_STILL + 1, True),
        ([held(0, deadline=NOW * 2)], NOBODY, FOREIGN_STILL + 1, True),
        ([held(0, Phase.CHILD, deadline=NOW - 100 * SECOND)], None, FOREIGN_STILL, False),
    ],
)
def test_when_a_loop_is_killed(entries: list[Held], executing: int | None, still_for: int, expected: bool) -> None:
    assert stands_still(entries, executing, NOW - still_for, NOW, GRACE) is expected


@pytest.mark.parametrize("executing", [None, 0, NOBODY])
def test_what_a_handler_type_began_elsewhere_is_handed_back(executing: int | None) -> None:
    """Its object goes on: another attempt would make a second one beside it."""
    alone = [held(0, Phase.TYPE, deliveries=3)]
    assert told(after_death(alone, executing, "was killed by SIGKILL", NOW)) == ([], ["run-0"])
    assert told(after_stall(alone, executing, NOW)) == ([], ["run-0"])
