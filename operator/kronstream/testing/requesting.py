"""Runs that somebody asks for, by an identity of their own (``requesting.lua``)."""

from kronstream.domain.plan import Skipped
from kronstream.ports import Request, Word
from kronstream.testing.admission import new_run, start
from kronstream.testing.model import Job
from kronstream.testing.outcomes import tell_skipped
from kronstream.testing.store import MemoryStore
from kronstream.testing.texts import storable_or_none


def begin(store: MemoryStore, job: Job, item: Request) -> tuple[Word, str]:
    """Start a run that was not asked for before."""
    refused = _refusal(store, item, job)
    if refused:
        return refused
    run = new_run(store, job, item.run, item.nominal)
    run.payload, run.own, run.retry_of = storable_or_none(item.payload), item.payload is not None, item.retry_of
    run.requested_by, run.trace = storable_or_none(item.by), storable_or_none(item.trace)
    run.keys, run.depth = item.keys, item.depth
    reason = start(store, job, run)
    store.keep_claim(item.run, f"skipped:{reason}" if reason else "started")
    if reason:
        skip = Skipped(reason, 1, item.nominal, item.nominal)
        store.skip(job, skip)
        tell_skipped(store, job, item.run, skip, item.depth)
    store.touch(job)
    return (Word.SKIPPED, reason.value) if reason else (Word.STARTED, "")


def _refusal(store: MemoryStore, item: Request, job: Job) -> tuple[Word, str] | None:
    if item.generation is not None and item.generation != job.generation:
        return Word.MOVED, str(job.generation)
    if job.invalid:
        return Word.HELD, ""
    if item.retry_of is None:
        return None
    before = store.run(item.retry_of)
    if before is None:
        return Word.LOST, ""
    return None if before.state.terminal else (Word.BUSY, before.state.value)
