"""Taking generations of jobs into force: the store's side of Ledger.adopt."""

from kronstream.domain.plan import Skipped
from kronstream.domain.run import Skip, State, Trigger
from kronstream.ports import Adopted, Adoption, Conflict, Gone, LastRun, Seed, Stale
from kronstream.testing.model import Job, Run, Works
from kronstream.testing.store import MemoryStore

REGISTERING = 3000
KEPT = ("namespace", "name", "generation", "revision", "invalid")
HISTORY = ("keep_good", "keep_bad", "keep_age")
IN_FORCE = ("when", "suspended", "queue", "lane", "policy", "backlog", "starting_deadline", *HISTORY)


def adopt(store: MemoryStore, a: Adoption) -> Adopted | Stale | Conflict | Gone:
    """Answer as ``adopt.lua``."""
    if store.tombs.get(a.uid, 0) > store.now:
        if not a.alive:
            return Gone()
        del store.tombs[a.uid]
        store.works[a.uid].expires = None
    job = store.jobs.get(a.uid)
    if job is None:
        job = store.jobs[a.uid] = Job(a.uid, store.birth())
        cursor = a.cursor
        if a.seed:
            _seed(store, job, a, a.seed)
        changed = True
    else:
        refused = _refusal(job, a)
        if refused:
            return refused
        moved = _moves(job, a)
        cursor = job.cursor
        if moved:
            for skip in a.skips:
                job.runs[State.SKIPPED.value] += skip.count
                store.count_skip(job, skip)
            cursor = max(cursor, store.now)
        cursor = max(cursor, a.cursor) if a.rebuild else cursor
        same = (job.generation, job.revision) == (a.generation, a.revision)
        changed = not same or moved or cursor != job.cursor or job.seq < (a.seq or 0)
    if changed:
        _take(store, job, a, cursor)
    return Adopted(job.cursor, job.once, job.done)


def _moves(job: Job, a: Adoption) -> bool:
    resumed = (job.suspended and not a.suspended) or job.invalid
    return not a.invalid and (resumed or job.when not in ("", a.when))


def _refusal(job: Job, a: Adoption) -> Stale | Conflict | None:
    expected = a.expect and (a.expect.generation, a.expect.revision, a.expect.cursor)
    if expected == (job.generation, job.revision, job.cursor):
        return None
    if (job.generation, job.revision) > (a.generation, a.revision):
        return Stale(job.generation, job.revision, job.cursor)
    if _moves(job, a):
        return Conflict(job.generation, job.revision, job.when, job.cursor, job.suspended, job.invalid)
    return None


def _take(store: MemoryStore, job: Job, a: Adoption, cursor: int) -> None:
    # an invalid generation keeps what was in force: its fix is compared with that, and runs still end by it
    for name in KEPT if a.invalid and job.adopted else (*KEPT, *IN_FORCE):
        setattr(job, name, getattr(a, name))
    job.cursor, job.adopted, job.seq = cursor, store.now, max(job.seq, a.seq or 0)
    works = store.works.setdefault(a.uid, Works())
    if a.work is not None:
        works.texts[a.generation] = a.work
    store.drop_works(a.uid, a.generation)
    store.touch(job)


def _seed(store: MemoryStore, job: Job, a: Adoption, seed: Seed) -> None:
    _seed_counters(job, dict(seed.fields))
    for run in seed.unfinished:
        _, _, tail = run.rpartition(f"-{Trigger.SCHEDULE.value}")
        if not tail.isdigit() or store.run(run):
            continue
        nominal = int(tail)
        store.runs[run] = Run(
            run, a.uid, a.namespace, a.name, nominal, a.generation, a.queue, a.lane, store.now, revived=True
        )
        store.active[a.uid][run] = -nominal
        store.unfinished[run] = store.now + REGISTERING


_NUMBERS = {
    "ls": "last_schedule",
    "lok": "last_success",
    "lbad": "last_failure",
    "cf": "consecutive_failures",
    "dn": "timed",
    "dsum": "total_duration",
    "done": "done",
    "seq": "seq",
}


def _seed_counters(job: Job, fields: dict[str, str]) -> None:
    for name, text in fields.items():
        prefix, _, rest = name.partition(":")
        if prefix == "n" and rest:
            job.runs[rest] = int(text)
        elif prefix == "sk" and rest:
            job.skipped[rest] = int(text)
        elif name in _NUMBERS:
            setattr(job, _NUMBERS[name], int(text))
    job.once = fields.get("once") or None
    if fields.get("lr"):
        started, duration = (int(fields[name]) if fields.get(name) else None for name in ("lrsta", "lrdur"))
        job.last = LastRun(fields["lr"], fields["lrst"], started, duration, fields.get("lrmsg", ""))
    if fields.get("skr"):
        job.last_skip = Skipped(Skip(fields["skr"]), int(fields["skn"]), int(fields["ska"]), int(fields["skb"]))
