"""Limits hold while operators and workers die and freeze at random moments, and Redis is started again, or is lost."""

import random
import signal

import pytest

from eventually import eventually
from integration.chaos.asker import Asker
from integration.chaos.harm import TAIL, Harm
from integration.chaos.limits_audit import Book, books, faults, forgotten, left, limits, tails, wiped
from integration.chaos.limits_load import RUNS, limited
from integration.chaos.trial import Trial, uid_of
from integration.chaos.verdict import nothing_wrong
from integration.chaos.wipe import Before, wipe
from kronstream.domain.run import State, Trigger, trigger_of
from kronstream.resources.instant import parse

pytestmark = pytest.mark.chaos

INSTANTS = 100
APART = 5_000  # ms, of the job that is backfilled
CARRIED = 40.0  # seconds until the backfill is done, whatever is harmed


def _backfill(trial: Trial) -> tuple[str, set[int]]:
    """Begins one of a hundred instants before the job was there; its id and they."""
    job = trial.named("backfilled")
    end = parse(job["metadata"]["creationTimestamp"]) // APART * APART - APART
    wanted = {end - APART * number for number in range(INSTANTS)}
    begun = trial.site.ask(
        lambda service: service.backfills.start(uid_of(job), "a hundred", min(wanted), end, concurrent=4)
    )
    assert begun.total == INSTANTS
    return begun.id, wanted


def test_operators_workers_and_redis_come_and_go(trial: Trial) -> None:
    trial.begin_with(*limited())
    harm = Harm(trial, random.randrange(10**6))
    backfill, wanted = _backfill(trial)
    with Asker(trial, "asked", "asked-queue") as asker:
        harm.lasting(8)
        trial.site.plane.restart_part("redis", signal.SIGKILL)
        with harm.freezing("worker-2"):  # for longer than a lease
            harm.lasting(12)
        harm.lasting(8)
    eventually(
        lambda: trial.site.ask(lambda service: service.backfills.get(backfill)).state == "done", CARRIED, "(backfill)"
    )
    trial.settle()

    found = books(trial, harm)
    after = tails(found, harm)
    print(f"after a freeze handlers went on for {after} ms")
    assert max(after, default=0) < TAIL
    nothing_wrong([*faults(trial, found), *_asked(found, asker), *_backfilled(found, wanted), *trial.site.complaints()])


def _asked(found: list[Book], asker: Asker) -> list[str]:
    """Every value had its run, and no run had no value."""
    wrong = list(asker.faults)
    for book in found:
        wanted = asker.runs(book.job)
        had = {run.id: run for run in book.records if run.trigger is Trigger.MANUAL}
        if set(had) != set(wanted):
            wrong.append(f"{book.account.name}: {len(wanted)} values had {len(had)} runs: {set(wanted) ^ set(had)}")
        wrong += [f"{run.id} was {run.state}" for run in had.values() if run.state is not State.SUCCESS]
    return wrong


def _backfilled(found: list[Book], wanted: set[int]) -> list[str]:
    """Every instant ran once, and none else."""
    records = [run for book in found for run in book.records if run.trigger is Trigger.BACKFILL]
    nominals = sorted(run.nominal or 0 for run in records)
    bad = [run.id for run in records if run.state is not State.SUCCESS]
    return [] if nominals == sorted(wanted) and not bad else [f"the backfill had {len(nominals)} runs, not good: {bad}"]


def test_redis_is_lost(trial: Trial) -> None:
    """Limits hold over the loss for what a status or a worker tells; what neither does may run beside the rest."""
    trial.begin_with(*limited())
    harm = Harm(trial, random.randrange(10**6))
    with Asker(trial, "asked", "asked-queue") as asker:
        harm.lasting(3)
        trial.further(60)
        before = wipe(trial)
        eventually(lambda: trial.site.redis.exists(trial.site.keys.epoch), 5, "(the store was not opened)")
        harm.lasting(5)
    trial.settle()

    found = books(trial, harm)
    usual = [wiped(book) for book in found if "endAfter" not in book.job["spec"]]
    wrong = [
        *before.faults(usual),
        *limits(forgotten(found, before.at, before.told)),
        *left(trial),
        *_ended(found, before),
    ]
    nothing_wrong([*wrong, *_asked_at_most(found, asker, before), *trial.site.complaints()])


def _asked_at_most(found: list[Book], asker: Asker, before: Before) -> list[str]:
    """No value made two runs; one made none only where its run was in flight when Redis was lost."""
    wrong = list(asker.faults)
    for book in found:
        seen = {run for run in book.account.calls if trigger_of(run) is Trigger.MANUAL}
        wanted = set(asker.runs(book.job))
        if stray := seen - wanted:
            wrong.append(f"{book.account.name}: runs that nobody asked for: {stray}")
        if missing := wanted - seen - before.in_flight:
            wrong.append(f"{book.account.name}: values without a run: {missing}")
        unknown = before.in_flight | before.told
        ends = {run: [call for call in book.account.calls[run] if call.ended] for run in seen - unknown}
        wrong += [f"{run} ran more than once: {calls}" for run, calls in ends.items() if len(calls) > 1]
    return wrong


def _ended(found: list[Book], before: Before) -> list[str]:
    """A job that ends had no more runs than it may, but for those that no status had told of."""
    (book,) = [book for book in found if book.account.name == "ends"]
    told = before.statuses[uid_of(book.job)]["runs"]["total"]
    begun = sum(calls[0].began < before.at for calls in book.account.calls.values())
    ran = len(book.account.calls)
    return [f"{ran} runs of {RUNS}, {begun - told} not told"] if ran > RUNS + max(begun - told, 0) else []
