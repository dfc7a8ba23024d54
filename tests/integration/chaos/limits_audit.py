"""The audit of a trial of limits: what ran at a time, in which order, and what became of every instant and request.

An attempt counts from when its handler began until it left. One whose worker was killed counts until then. One whose
worker stood still for longer than a lease counts until the lease may have ended: from there on another one may run,
and for a moment after the thaw, until the worker is told, two handlers do (`tails`). Nothing else may overlap.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from integration.chaos import audit
from integration.chaos.audit import Account
from integration.chaos.harm import TAIL, Harm
from integration.chaos.limits_load import GROUP, IN_GROUP, due, most
from integration.chaos.trial import Trial, uid_of
from integration.chaos.witness import Call
from integration.objects import Object
from kronstream.domain import duration, jitter
from kronstream.domain.run import State, Trigger
from kronstream.ports import Execution

NEVER = 2**53


@dataclass(frozen=True)
class Span:
    """While an attempt counted, ms."""

    call: Call
    since: int
    until: int


@dataclass(frozen=True)
class Book:
    """One job: its scheduled instants as an account, all of its records, and the attempts that counted."""

    account: Account
    records: Sequence[Execution]
    spans: Sequence[Span]

    @property
    def job(self) -> Object:
        """The job."""
        return self.account.job

    @property
    def whole(self) -> Account:
        """All runs, whatever asked for them, as an account without instants."""
        return replace(self.account, due=set(), records=dict(enumerate(self.records)))


def books(trial: Trial, harm: Harm) -> list[Book]:
    """One for each job."""
    calls = trial.witness.calls()
    found = []
    for job in trial.jobs:
        records = trial.records(job)
        seen = {run: told for run, told in calls.items() if run.startswith(uid_of(job))}
        scheduled = {int(run.nominal or 0): run for run in records if run.trigger is Trigger.SCHEDULE}
        account = Account(job, due(job, trial.cursor(job)), scheduled, seen)
        found.append(Book(account, records, spans((call for told in seen.values() for call in told), harm)))
    return found


def wiped(book: Book) -> Account:
    """An account for the audit of a lost store: scheduled runs by their instants, the others beside them."""
    others = [run for run in book.records if run.trigger is not Trigger.SCHEDULE]
    return replace(book.account, records={**book.account.records, **{-1 - i: run for i, run in enumerate(others)}})


def spans(calls: Iterable[Call], harm: Harm) -> list[Span]:
    """The attempts that count, by when they began."""
    found = []
    for call in calls:
        killed = [at for worker, at in harm.killed if worker == call.worker and at >= call.began]
        until = min(killed) if call.left is None and killed else call.left
        lost = [one for one in harm.frozen if one.worker == call.worker and one.outlasted]
        if any(one.until <= call.began < one.until + TAIL for one in lost):
            continue  # taken before the freeze, begun after it
        until = min(at for at in (until, *(one.lost for one in lost if one.lost > call.began), NEVER) if at is not None)
        found.append(Span(call, call.began, until))
    return sorted(found, key=lambda span: span.since)


def forgotten(found: Sequence[Book], at: int, told: Container[str]) -> list[Book]:
    """The books without the rest of attempts that ran when Redis was lost (ms) and of which no status had told.

    Until their workers' next heartbeat nobody knows of them, and others may have their slots.
    """

    def cut(span: Span) -> Span:
        return replace(span, until=at) if span.since < at < span.until and span.call.run not in told else span

    return [replace(book, spans=[cut(span) for span in book.spans]) for book in found]


def tails(found: Iterable[Book], harm: Harm) -> list[int]:
    """For how long (ms) handlers went on after a freeze that their leases did not outlast."""
    calls = [call for book in found for told in book.account.calls.values() for call in told if call.left]
    return [
        (call.left or 0) - one.until
        for one in harm.frozen
        for call in calls
        if one.outlasted and call.worker == one.worker and call.began < one.until < (call.left or 0)
    ]


def faults(trial: Trial, found: Sequence[Book]) -> list[str]:
    """Everything that is not as it must be at the quiet end of a trial in which Redis lost nothing."""
    checks = (_instants, _order, _jittered, _ends)
    wrong = [f"{book.account.name}: {fault}" for book in found for check in checks for fault in check(book)]
    for book in found:
        account = book.whole
        told = (*audit.counters(account), *audit.handlers(account), *_once(account))
        wrong += [f"{account.name}: {fault}" for fault in told]
    return [*wrong, *limits(found), *left(trial), *audit.quiet_faults(trial, [book.account for book in found])]


def limits(found: Sequence[Book]) -> list[str]:
    """Where more ran at a time than may."""
    wrong = []
    for book in found:
        if (limit := most(book.job)) is not None:
            wrong += [f"{book.account.name}: {fault}" for fault in _crowds(book.spans, limit)]
    members = [book for book in found if "concurrencyGroup" in book.job["spec"]]
    together = sorted((span for book in members for span in book.spans), key=lambda span: span.since)
    return [*wrong, *(f"group {GROUP}: {fault}" for fault in _crowds(together, IN_GROUP))]


def _crowds(found: Sequence[Span], limit: int) -> Iterable[str]:
    for index, span in enumerate(found):
        others = [one for one in found[:index] if one.until > span.since and one.call.run != span.call.run]
        if len(others) >= limit:
            yield f"{span} began while {len(others)} others ran (of {limit}): {others}"


def _once(account: Account) -> Iterable[str]:
    """No attempt was begun twice: each begin has a number of its own."""
    for run, calls in account.calls.items():
        attempts = [call.attempt for call in calls]
        if len(set(attempts)) != len(attempts):
            yield f"{run} was begun more than once in one attempt: {calls}"


def _instants(book: Book) -> Iterable[str]:
    """Every instant up to the cursor, or to the end, has its record or its skip."""
    account = book.account
    if "endAfter" in book.job["spec"]:
        if missing := {at for at in account.due if at <= max(account.records)} - set(account.records):
            yield f"instants without a record before its end: {sorted(missing)[:5]}"
        return
    yield from audit.instants(account)


def _order(book: Book) -> Iterable[str]:
    """First attempts begin in the order in which the runs were asked for, where one runs at a time in a queue."""
    if book.job["spec"].get("concurrencyPolicy") != "Queue" or most(book.job) != 1:
        return
    first = {run: calls[0].began for run, calls in book.account.calls.items()}
    runs = sorted((run for run in book.records if run.id in first), key=lambda run: (run.dispatched, run.nominal or 0))
    for one, other in pairwise(runs):
        if one.dispatched != other.dispatched and first[one.id] > first[other.id]:
            yield f"{other.id} went before {one.id}"


def _jittered(book: Book) -> Iterable[str]:
    """No run is dispatched before its nominal instant and its delay."""
    spec = book.job["spec"]
    if "jitter" not in spec:
        return
    span, name = duration.parse(spec["jitter"]), f"default/{book.account.name}"
    step = duration.parse(spec["every"]) if "every" in spec else 2_000
    for nominal, run in book.account.records.items():
        delay = jitter.delay(name, nominal, span, nominal + step)
        if run.dispatched < nominal + delay - audit.EARLY:
            yield f"{run.id} was dispatched {nominal + delay - run.dispatched} ms before its delay was over"


def _ends(book: Book) -> Iterable[str]:
    """A job that ends had exactly as many runs, or at least as many successes and no run begun after that."""
    end = book.job["spec"].get("endAfter", {})
    good = [run for run in book.records if run.state is State.SUCCESS]
    if "runs" in end and len(book.records) != end["runs"]:
        yield f"{len(book.records)} runs of {end['runs']}"
    if "successes" in end:
        last = sorted(run.finished or 0 for run in good)[end["successes"] - 1 :]
        if not last or any(run.dispatched > last[0] for run in book.records):
            yield f"{len(good)} successes of {end['successes']}; dispatched after the last: {last}"


def left(trial: Trial) -> list[str]:
    """What still waits or holds a slot at the quiet end."""
    redis, stem = trial.site.redis, trial.site.keys.run("").removesuffix("run:")
    kinds = ("active", "waiting", "group", "gwait", "bfruns", "unfinished", "backfills")
    pattern = stem.replace("[", "\\[")
    keys = [key for key in redis.scan_iter(f"{pattern}*", count=1000) if key.removeprefix(stem).split(":")[0] in kinds]
    return [f"{key} still holds {redis.zrange(key, 0, 5)}" for key in keys]
