"""The audit after a soak: every run ended once and as it may, and nothing is left. Pure: evidence in, faults out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from integration.chaos.witness import Call
from kronstream.domain.run import State
from soak.crowds import crowds
from soak.evidence import End, Evidence
from soak.kinds import CANCELLED, SUCCESS

LATE = 1_000  # ms until the line of a handler that was stopped is written, on a busy machine
SHOWN = 5
GAP = 20_000  # ms; nothing ends while Redis is away, and while a loop that is blocked is waited for


def faults(found: Evidence) -> list[str]:
    """Everything that is not as it must be."""
    checks = (ends, counters, attempts, overlaps, afterwards, gaps, crowds)
    return [fault for check in checks for fault in check(found)] + found.left + found.complaints


def ends(found: Evidence) -> Iterator[str]:
    """Each run that was due has one end, which its kind may have; no other has any."""
    by_job: dict[str, list[str]] = defaultdict(list)
    for run, uid in found.due.items():
        by_job[uid].append(run)
    for uid, runs in by_job.items():
        yield from _skipped(found, uid, runs)
    if stray := [run for run in found.ends if run not in found.due]:
        yield f"{len(stray)} runs that were not due have records: {stray[:SHOWN]}"
    for run, told in found.ends.items():
        if run in found.due:
            yield from _of_run(found, found.due[run], told)


def _skipped(found: Evidence, uid: str, runs: Sequence[str]) -> Iterator[str]:
    """As many runs have no end as the store counts skipped instants.

    What Redis forgot may be skipped when it is decided anew; what was asked for in the lost second may have been
    skipped before.
    """
    kind = found.kinds[uid]
    absent = [run for run in runs if run not in found.ends]
    missing = [run for run in absent if run not in found.perhaps]
    with_record = sum(_last(found, run).state is State.SKIPPED for run in runs if run in found.ends)
    told = found.books[uid].skipped if uid in found.books else {}
    allowed = sum(told.values()) - with_record if kind.skips else 0
    doubtful = len(absent) - len(missing) + sum(_forgotten(found, run) for run in runs) if kind.skips else 0
    if not len(missing) <= allowed <= len(missing) + doubtful:
        yield f"{kind.name}: {len(missing)} runs have no end, {allowed} were skipped: {missing[:SHOWN]}"


def _forgotten(found: Evidence, run: str) -> bool:
    """Whether Redis may have forgotten the only end of a run that was read, so that it never ends again.

    A scheduled run ends again unless overlap forbids it then; one that was asked for may be forgotten altogether.
    """
    if run not in found.ends or not (found.kinds[found.due[run]].skips or run in found.perhaps):
        return False
    return found.forgotten(_last(found, run).finished)


def _last(found: Evidence, run: str) -> End:
    return max(found.ends[run], key=lambda end: end.finished)


def _of_run(found: Evidence, uid: str, told: Sequence[End]) -> Iterator[str]:
    kind = found.kinds[uid]
    for end in told:
        how = (end.state, end.reason)
        if how not in kind.ends and not (how == CANCELLED and end.run in found.cancelled):
            yield f"{kind.name}: {end.run} is {end.state} ({end.reason}) after {end.attempt} attempts"
    for first, second in pairwise(sorted(told, key=lambda end: end.finished)):
        if not found.forgotten(first.finished):
            yield f"{kind.name}: {first.run} ended twice: {first} and {second}"


def counters(found: Evidence) -> Iterator[str]:
    """What the store counts is what was read, and nothing is active."""
    states: dict[str, Counter[State]] = defaultdict(Counter)
    doubtful: dict[str, Counter[State]] = defaultdict(Counter)
    for run in found.ends:
        if run in found.due:
            states[found.due[run]][_last(found, run).state] += 1
            doubtful[found.due[run]][_last(found, run).state] += _forgotten(found, run)
    for uid, books in found.books.items():
        name = found.kinds[uid].name
        for state in (State.SUCCESS, State.FAILED, State.CANCELLED, State.DEAD):
            if not 0 <= states[uid][state] - books.runs.get(state, 0) <= doubtful[uid][state]:
                yield f"{name}: the store counts {books.runs.get(state, 0)} {state}, {states[uid][state]} were read"
        if books.active:
            yield f"{name}: {books.active} runs are active"


def attempts(found: Evidence) -> Iterator[str]:
    """A success was seen to end in its attempt; an attempt was begun again only where something happened to it."""
    for run, told in found.ends.items():
        kind = found.kinds.get(found.due.get(run, ""))
        if kind is None or not kind.seen:
            continue
        calls = found.calls.get(run, ())
        for end in told:
            ended = {call.attempt for call in calls if call.ended is not None}
            if (end.state, end.reason) == SUCCESS and end.attempt not in ended:
                yield f"{kind.name}: {run} succeeded in attempt {end.attempt}, its handler in {ended or 'none'}"
        most = max(end.attempt for end in told)
        beyond = [
            call
            for call in calls
            if call.attempt > most and not _disturbed(found, call, max(end.finished for end in told))
        ]
        if beyond and not any(found.forgotten(end.finished) for end in told):
            yield f"{kind.name}: {run} has {most} attempts, its handler saw {beyond}"
    for run, calls in found.calls.items():
        for first, second in pairwise(sorted(calls, key=lambda call: call.began)):
            if (
                first.attempt == second.attempt
                and first.ended is not None
                and not _disturbed(found, first, second.began)
            ):
                yield f"{run}: attempt {first.attempt} had succeeded and was begun again: {first}, {second}"
    if unknown := [run for run in found.calls if run not in found.due]:
        yield f"handlers saw {len(unknown)} runs that were not due: {unknown[:SHOWN]}"


def _disturbed(found: Evidence, call: Call, until: int) -> bool:
    """Whether the worker of an attempt, or Redis, came to harm after it began, or Redis forgot that it was taken."""
    return found.unsure(call.began) or any(
        harm.worker in (call.worker, "redis") and harm.since <= until and harm.until >= call.began
        for harm in found.harms
    )


def overlaps(found: Evidence) -> Iterator[str]:
    """No two handlers had the same run at a time while the first one's worker had its lease."""
    for run, calls in found.calls.items():
        for first, second in pairwise(sorted(calls, key=lambda call: call.began)):
            until = first.left
            if until is None:  # killed, unless its process was seen later
                until = found.alive.get((first.worker, first.pid), 0)
            if second.began >= until or found.unsure(first.began):
                continue
            if found.stood_still(first.worker, second.began) or found.stood_still(second.worker, second.began):
                continue
            yield f"{run} had two handlers at a time: {first} and {second}"


def afterwards(found: Evidence) -> Iterator[str]:
    """No handler began, or went on, after its run had ended."""
    for run, told in found.ends.items():
        over = max(end.finished for end in told)
        for call in found.calls.get(run, ()):
            if any(found.forgotten(end.finished) for end in told) or found.unsure(call.began):
                continue
            if call.began > over and not found.stood_still(call.worker, call.began):
                yield f"{run} was begun {call.began - over} ms after its end: {call}"
            elif (call.left or 0) > over + LATE and not found.stood_still(call.worker, over):
                yield f"the handler of {run} went on for {(call.left or 0) - over} ms after its end: {call}"


def gaps(found: Evidence) -> Iterator[str]:
    """Work went on, whatever happened."""
    length, at = longest_gap(found)
    if length > GAP:
        yield f"nothing ended for {length} ms, {at - found.begin} ms after the beginning"


def longest_gap(found: Evidence) -> tuple[int, int]:
    """For how long no run ended while runs were due, and from when, ms."""
    instants = sorted(end.finished for told in found.ends.values() for end in told if end.finished <= found.stop)
    pairs: Iterable[tuple[int, int]] = pairwise([found.begin, *instants, found.stop])
    return max(((second - first, first) for first, second in pairs), default=(0, found.begin))
