"""Taking generations of jobs into force: the store's side of Ledger.adopt."""

import re

from kronstream.domain.outcomeevent import kind_of
from kronstream.domain.plan import Skipped
from kronstream.domain.run import HANDLER, Skip, Trigger, run_id, trigger_of
from kronstream.ports import Adopted, Adoption, Conflict, Gone, LastRun, Pause, Seed, Stale
from kronstream.testing.admission import new_run
from kronstream.testing.ending import spent
from kronstream.testing.model import Job, Works
from kronstream.testing.outcomes import tell_skipped
from kronstream.testing.slots import group_has_room, release_group, release_waiting
from kronstream.testing.store import MemoryStore

# the identity of a run that the schedule or a backfill made
MADE = re.compile(r"-(?:s|b[0-9a-f]+\.)(\d+)$")

REGISTERING = 3000
KEPT = ("namespace", "name", "generation", "revision", "invalid")
HISTORY = ("keep_good", "keep_bad", "keep_age")
ENDS = ("max_queued", "group_max", "end_runs", "end_successes", "suspend_after")
RUNS = ("function", "keys", "depth", "platform", "expected", "total", "deliveries")
WHEN = ("when", "suspended", "starting_deadline", "jitter")
IN_FORCE = (*WHEN, "queue", "lane", "policy", "backlog", *RUNS, *HISTORY, *ENDS)


def adopt(store: MemoryStore, a: Adoption) -> Adopted | Stale | Conflict | Gone:
    """Answer as ``adopt.lua``."""
    if store.tombs.get(a.uid, 0) > store.now:
        if not a.alive:
            return Gone()
        del store.tombs[a.uid]
        store.works[a.uid].expires = None
    job = store.jobs.get(a.uid)
    fresh = job is None
    if job is None:
        job = store.jobs[a.uid] = Job(a.uid, store.birth())
        cursor = a.cursor
        if a.seed:
            _seed(store, job, a, a.seed)
        changed = True
    else:
        if a.seed and a.rebuild:
            _contribute(store, job, a, a.seed)
        refused = _refusal(job, a)
        if refused:
            return refused
        moved = _moves(job, a)
        cursor = job.cursor
        if moved:
            for skip in () if job.ended else a.skips:
                store.skip(job, skip)
                tell_skipped(store, job, run_id(job.uid, Trigger.SCHEDULE, str(skip.first)), skip)
            counted = a.expect.counted if a.expect else None
            cursor = max(cursor, store.now if counted is None else counted)
            if job.when not in ("", a.when):
                job.skip_next, job.ran = (), None
        cursor = max(cursor, a.cursor) if a.rebuild else cursor
        same = (job.generation, job.revision) == (a.generation, a.revision)
        changed = not same or moved or cursor != job.cursor or job.seq < (a.seq or 0)
    if changed:
        _take(store, job, a, cursor, fresh=fresh)
    if a.uid.startswith(HANDLER) and (changed or a.uid not in store.roll):
        _enrol(store, a)
    return Adopted(job.cursor, job.once, job.done)


def _enrol(store: MemoryStore, a: Adoption) -> None:
    store.turn += 1
    store.roll[a.uid] = store.turn
    if a.outcomes:
        store.wanted[a.scope] = store.wanted.get(a.scope, set()) | {kind_of(name) for name in a.outcomes}


def _moves(job: Job, a: Adoption) -> bool:
    # what has no instants, as an event's handler, has left none behind
    resumed = bool(a.when) and ((job.suspended and not a.suspended) or job.invalid)
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


def _take(store: MemoryStore, job: Job, a: Adoption, cursor: int, *, fresh: bool) -> None:
    if fresh:
        store.past.pop(a.uid, None)
    # an edit ends a pause that the job's failures had brought about
    if not fresh and a.generation > job.generation and job.pause and job.pause.failures:
        job.pause, job.consecutive_failures = Pause(job.pause.since, store.now), 0
    # an invalid generation keeps what was in force: its fix is compared with that, and runs still end by it
    changes, left = fresh or not a.invalid, job.group
    for name in (*KEPT, *IN_FORCE) if changes else KEPT:
        setattr(job, name, getattr(a, name))
    if changes:
        job.limit = 0 if a.policy == "Allow" else max(a.max_concurrent, 1)
        job.group = _group(a)
        job.ended = spent(store, job)
    job.cursor, job.adopted, job.seq = cursor, store.now, max(job.seq, a.seq or 0)
    works = store.works.setdefault(a.uid, Works())
    if a.work is not None:
        works.texts[a.generation] = a.work
    store.drop_works(a.uid, a.generation)
    if not a.uid.startswith(HANDLER):
        store.names[a.namespace, a.name] = a.uid
    # more may run at a time now
    if not fresh and changes:
        for group in {left, job.group} - {""}:
            release_group(store, group)
        release_waiting(store, a.uid)
    store.touch(job)


def _group(a: Adoption) -> str:
    return f"{a.namespace}:{a.group}" if a.group else ""


def _seed(store: MemoryStore, job: Job, a: Adoption, seed: Seed) -> None:
    _claim(store, seed)
    _seed_counters(job, dict(seed.fields))
    if job.pause and job.pause.until is not None:
        store.unfinished[f"@{job.uid}"] = job.pause.until
    _bring_back(store, job, a, seed)


def _contribute(store: MemoryStore, job: Job, a: Adoption, seed: Seed) -> None:
    """What the replica that seeded may not have heard of yet: the job's one run, and values that had theirs."""
    _claim(store, seed)
    once = seed.fields.get("once")
    if once and job.once is None:
        job.once = once
        _bring_back(store, job, a, seed)


def _claim(store: MemoryStore, seed: Seed) -> None:
    for run in seed.claimed:
        if store.claim(run) is None:
            store.keep_claim(run, "started")


def _bring_back(store: MemoryStore, job: Job, a: Adoption, seed: Seed) -> None:
    """Bring back runs that were not over."""
    # of any other run nobody knows whether it had a payload of its own, which is lost
    nominals = {run: int(made[1]) for run in seed.unfinished if (made := MADE.search(run))}
    nominals |= {run: store.now for run in seed.unfinished if run == seed.asked}
    free = len(nominals) if a.policy == "Allow" else max(a.max_concurrent, 1)
    # they stand in line again in their order, whichever the status told them in
    for run in sorted(nominals, key=nominals.__getitem__):
        if store.run(run):
            continue
        known = store.runs[run] = new_run(store, job, run, nominals[run])
        if trigger_of(run) is not Trigger.SCHEDULE:
            store.keep_claim(run, "started")
        known.namespace, known.name, known.generation, known.queue, known.lane = (
            a.namespace,
            a.name,
            a.generation,
            a.queue,
            a.lane,
        )
        known.group, known.group_max, known.revived = _group(a), a.group_max, True
        # the oldest are those that may run
        if known.group and free and group_has_room(store, known.group, a.group_max):
            store.groups[known.group].add(run)
            free -= 1
        store.active[a.uid][run] = -known.nominal
        store.waiting[a.uid].append(run)
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
        elif prefix == "e" and rest:
            job.handled[name] = text
        elif name in _NUMBERS:
            setattr(job, _NUMBERS[name], int(text))
    job.once = fields.get("once") or None
    job.run_now = fields.get("rn")
    job.skip_next = tuple(int(at) for at in fields.get("sx", "").split(",") if at)
    if fields.get("psn"):
        until = int(fields["pun"]) if fields.get("pun") else None
        job.pause = Pause(int(fields["psn"]), until, fields.get("pby", ""), fields.get("prs", ""), "pau" in fields)
    if fields.get("lr"):
        started, duration = (int(fields[name]) if fields.get(name) else None for name in ("lrsta", "lrdur"))
        job.last = LastRun(fields["lr"], fields["lrst"], started, duration, fields.get("lrmsg", ""))
    if fields.get("skr"):
        job.last_skip = Skipped(Skip(fields["skr"]), int(fields["skn"]), int(fields["ska"]), int(fields["skb"]))
