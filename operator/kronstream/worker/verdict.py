"""What becomes of the runs a loop process held, once it died or its loop stood still. Pure decisions.

The slate tells which attempt was executing in the loop at that instant, so the guilty one is known nearly always: a
handler that calls os._exit, crashes the interpreter, or blocks the loop does it while it executes. Where nobody was
executing (a kill from outside, a blocking callback that belongs to no attempt) a single run in the loop is to blame;
among several, those are that had been delivered before since their last recorded attempt, so that a run which brings
workers down unseen is found out at its second time. All others are handed back with no attempt consumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from kronstream.domain.run import Reason
from kronstream.ports import Claim, Failure, Outcome
from kronstream.worker.failure import timed_out
from kronstream.worker.outcome import Ended, outcome
from kronstream.worker.slate import NOBODY, Held, Phase

SECOND = 1_000_000_000  # nanoseconds
STILL = 2 * SECOND  # without a tick for this long, the loop stands still
FOREIGN_STILL = 30 * SECOND  # what a loop that executes nobody's attempt may take


@dataclass(frozen=True, slots=True)
class Verdict:
    """Attempts that failed, and claims to hand back."""

    outcomes: list[Outcome] = field(default_factory=list)
    released: list[Claim] = field(default_factory=list)


def stands_still(held: Sequence[Held], executing: int | None, tick: int, now: int, grace: int) -> bool:
    """Whether a loop whose last tick was at `tick` is to be killed; all in nanoseconds of the monotonic clock.

    A known culprit is given its own deadline, an unknown one the longest; then `grace` more.
    """
    if now - tick < STILL:
        return False
    looping = [entry for entry in held if entry.phase is Phase.LOOP]
    culprit = next((entry for entry in looping if entry.slot == executing), None)
    if culprit is not None:
        return now > max(culprit.deadline, tick) + grace
    if looping and executing is None:
        return now > max(tick, *(entry.deadline for entry in looping)) + grace
    return now - tick > FOREIGN_STILL


def after_death(held: Sequence[Held], executing: int | None, how: str, now: int) -> Verdict:
    """The process ended by itself or was killed from outside; `how` says it in words."""

    def crashed(_: Held) -> Ended:
        text = f"the worker's process {how} while the handler executed"
        return Ended(None, Reason.CRASHED, Failure("Crashed", text))

    def lost(_: Held) -> Ended:
        return Ended(None, Reason.WORKER_LOST, Failure("WorkerLost", f"the worker's process {how}"))

    guilty = _guilty(held, executing)
    return _sentence(held, guilty, crashed if executing is not None else lost, now)


def after_stall(held: Sequence[Held], executing: int | None, now: int) -> Verdict:
    """The supervisor killed the process because its loop stood still."""

    def overdue(entry: Held) -> Ended:
        told = timed_out(entry.claim.work.timeout)
        text = f"{told.message} and blocked the worker's loop; use await, or a plain def for code that blocks"
        return Ended(None, Reason.TIMEOUT, Failure(told.type, text))

    return _sentence(held, _guilty(held, executing), overdue, now)


def hand_back(held: Sequence[Held]) -> Verdict:
    """The worker ends before its runs do; nobody is to blame."""
    return Verdict(released=[entry.claim for entry in held])


def _guilty(held: Sequence[Held], executing: int | None) -> list[Held]:
    looping = [entry for entry in held if entry.phase is Phase.LOOP]
    if executing is not None and executing != NOBODY:
        return [entry for entry in looping if entry.slot == executing]
    if executing == NOBODY:
        return []
    if len(looping) == 1:
        return looping
    return [entry for entry in looping if entry.claim.deliveries > 1]


def _sentence(held: Sequence[Held], guilty: Sequence[Held], ended: Callable[[Held], Ended], now: int) -> Verdict:
    outcomes = []
    for entry in guilty:
        began = entry.deadline - entry.claim.work.timeout * 1_000_000
        found = outcome(entry.claim, ended(entry), max(0, now - began) // 1_000_000)
        outcomes.append(replace(found, killed=True))
    slots = {entry.slot for entry in guilty}
    return Verdict(outcomes, [entry.claim for entry in held if entry.slot not in slots])
