"""How an attempt ends: its outcome by the job's retry policy."""

from __future__ import annotations

from dataclasses import dataclass

from kronstream.domain.retry import delay
from kronstream.domain.run import Reason, State
from kronstream.ports import Claim, Failure, Outcome, bounds
from kronstream.worker.failure import describe
from kronstream.worker.rulings import Fault, Parked, asked_wait, is_permanent

NAMES, NAME = 8, 200  # classes of an error that are named, and characters of a name


@dataclass(frozen=True, slots=True)
class Ended:
    """What a handler left: a result (JSON text or None), or a reason and a failure.

    `wait` is when it wants to be tried again, in milliseconds; None leaves that to the job's backoff. `codes` are what
    the job's retry policy may name. `parked` tells that the attempt goes on elsewhere and has no outcome here.
    """

    result: str | None = None
    reason: Reason | None = None
    failure: Failure | None = None
    wait: int | None = None
    codes: tuple[str, ...] = ()
    parked: bool = False


def raised(error: BaseException, wait: int | None = None) -> Ended:
    """What an exception of a handler means; `wait` is what its Run was told, and an exception that tells one counts."""
    if isinstance(error, Parked):
        return Ended(parked=True)
    if isinstance(error, Fault):
        told = Failure(error.kind, bounds.head(str(error), bounds.MESSAGE))
        return Ended(None, Reason.PERMANENT if error.permanent else error.reason, told, error.wait, error.codes)
    if is_permanent(error):
        return Ended(None, Reason.PERMANENT, describe(error))
    return Ended(None, Reason.ERROR, describe(error), asked_wait(error, wait), names_of(error))


def names_of(error: BaseException) -> tuple[str, ...]:
    """The class names of an error and its bases, with and without their modules."""
    found: list[str] = []
    for kind in type(error).__mro__[:NAMES]:
        if kind in (BaseException, Exception, object):
            break
        found += [kind.__name__, f"{kind.__module__}.{kind.__qualname__}"]
    return tuple(name[:NAME] for name in found)


def outcome(claim: Claim, ended: Ended, duration: int, output: str = "") -> Outcome:
    """The outcome of an attempt that took `duration` milliseconds; a failed one is tried again while it may be."""
    if ended.reason is None:
        return Outcome(
            claim.run, claim.token, State.SUCCESS, duration, result=ended.result, output=output,
            generation=claim.generation, nominal=claim.nominal,
        )  # fmt: skip
    retry_in = None
    if ended.reason is not Reason.PERMANENT and claim.work.retry.tries_again((*ended.codes, ended.reason.value)):
        retry_in = delay(claim.work.retry, claim.attempt, claim.run, ended.wait)
    return Outcome(
        run=claim.run,
        token=claim.token,
        state=State.FAILED if retry_in is None else State.RETRYING,
        duration=duration,
        reason=ended.reason,
        retry_in=retry_in,
        failure=ended.failure,
        output=output,
        generation=claim.generation,
        nominal=claim.nominal,
    )


def cancelled(claim: Claim, why: str, duration: int, output: str = "") -> Outcome:
    """The outcome of a cancelled attempt; `why` is what the heartbeat's answer gave."""
    known = why in Reason._value2member_map_
    return Outcome(
        run=claim.run,
        token=claim.token,
        state=State.CANCELLED,
        duration=duration,
        reason=Reason(why) if known else None,
        output=output,
        generation=claim.generation,
        nominal=claim.nominal,
    )
