"""What is left of deleted jobs (``erasing.lua``, ``purge.lua``)."""

from dataclasses import dataclass

from kronstream.domain.run import HANDLER
from kronstream.testing.model import Job, Run
from kronstream.testing.store import ORPHAN_AGE, MemoryStore


@dataclass(frozen=True, slots=True)
class Past:
    """Whose a deleted job was, when it was first adopted, and until when something of it is left."""

    namespace: str
    name: str
    born: int
    until: int


def keep(store: MemoryStore, job: Job) -> None:
    """A job is being forgotten: its history is listed as long as there is one."""
    uid, runs = job.uid, bool(store.active[job.uid])
    if runs or store.history[uid, True] or store.history[uid, False]:
        span = max(job.keep_age, ORPHAN_AGE) if runs else job.keep_age
        store.past[uid] = Past(job.namespace, job.name, int(float(job.born)), store.now + span)


def remember(store: MemoryStore, run: Run) -> None:
    """The run of a deleted job ended after it."""
    if known(store, run.uid) is not None:
        store.history[run.uid, run.state.value == "success"].append((store.now, run.id))


def known(store: MemoryStore, uid: str) -> Past | None:
    """A deleted job, as long as something of it is left."""
    past = store.past.get(uid)
    return past if past is not None and past.until > store.now else None


def listed(store: MemoryStore) -> list[tuple[str, str, str]]:
    """Namespace, name and UID of the deleted jobs that are listed."""
    found = [(uid, known(store, uid)) for uid in store.past if not uid.startswith(HANDLER)]
    return [(past.namespace, past.name, uid) for uid, past in found if past is not None]


def namespaces(store: MemoryStore) -> list[str]:
    """Those of the deleted jobs; the others are let go."""
    store.past = {uid: past for uid, past in store.past.items() if past.until > store.now}
    return list(dict.fromkeys(past.namespace for past in store.past.values()))


def purge(store: MemoryStore, namespace: str, before: int | None, limit: int) -> tuple[int, int]:
    """Delete the history of a namespace's deleted jobs; see Ledger."""
    taken = left = 0
    for uid, past in list(store.past.items()):
        if past.namespace != namespace or (before is not None and past.born >= before):
            continue
        for good in (True, False):
            history = sorted(store.history[uid, good])
            ids = [run for _, run in history[: limit - taken]]
            store.history[uid, good] = history[len(ids) :]
            for run in ids:
                store.runs.pop(run, None)
            taken += len(ids)
        if store.active[uid] or store.history[uid, True] or store.history[uid, False]:
            left += 1
        else:
            del store.past[uid]
    return taken, left
