"""The ends of attempts, and runs of which the store knows less than the worker that holds them."""

from kronstream.domain.run import State, Trigger, trigger_of
from kronstream.ports import Claim, Outcome, WorkerCard
from kronstream.testing.admission import new_run
from kronstream.testing.ending import conclude
from kronstream.testing.model import Job, Run
from kronstream.testing.slots import seize
from kronstream.testing.store import MemoryStore


def revive(store: MemoryStore, key: str, uid: str, generation: int, nominal: int, token: str) -> Run | None:
    """A run without a record: a new one if the record was lost with the store, None if it only left the history."""
    job = store.jobs.get(uid)
    stem, _, born = token.rpartition(":")
    if job is None or (born == job.born and _claimed(store, job, key, nominal)):
        return None
    # a generation that went with the store cannot be tried again: the next attempt is the present one's
    generation = generation if store.work(uid, generation) else job.generation
    run = store.runs[key] = new_run(store, job, key, nominal)
    run.generation, run.state, run.attempt, run.token, run.started = generation, State.RUNNING, 1, token, store.now
    # a payload of its own went with the record
    run.own = stem.endswith("p")
    if trigger_of(key) is not Trigger.SCHEDULE:
        store.keep_claim(key, "started")
    seize(store, run)
    return run


def _claimed(store: MemoryStore, job: Job, key: str, nominal: int) -> bool:
    if trigger_of(key) is Trigger.SCHEDULE:
        return nominal <= job.cursor
    return store.claim(key) is not None


def register(store: MemoryStore, card: WorkerCard, claim: Claim) -> Run | None:
    """The run that a worker says it holds; None when it is not the worker's."""
    run = store.run(claim.run)
    if run and run.state is State.RUNNING and run.token == claim.token:
        return run
    if run is None:
        run = revive(store, claim.run, claim.uid, claim.generation, claim.nominal, claim.token)
    elif run.state is State.QUEUED and not run.attempt and not run.deliveries and run.uid in store.jobs:
        # an older copy of the store came back, or a status named the run
        store.withdraw(run)
        run.state, run.attempt, run.token, run.started = State.RUNNING, 1, claim.token, store.now
        run.generation = claim.generation if store.work(run.uid, claim.generation) else run.generation
        run.revived = False
        seize(store, run)
    else:
        return None
    if run:
        run.worker, run.incarnation = card.consumer, card.incarnation
        store.touch(store.jobs[run.uid])
    return run


def finish(store: MemoryStore, outcome: Outcome) -> bool:
    """Answer as ``finish.lua``."""
    uid = outcome.run.rpartition("-")[0]
    run = store.run(outcome.run) or revive(store, outcome.run, uid, outcome.generation, outcome.nominal, outcome.token)
    if run is None:
        return False
    seeded = run.revived and run.state is State.QUEUED and run.entry is None
    if seeded:
        run.attempt, run.token, run.revived = 1, outcome.token, False
        seize(store, run)
    elif run.token != outcome.token:
        return False
    elif run.state is not State.RUNNING:
        return True
    conclude(store, run, outcome)
    return True
