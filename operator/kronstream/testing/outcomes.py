"""What becomes of runs, as events (``outcomes.lua``)."""

from kronstream.domain.plan import Skipped
from kronstream.testing.model import Job, Run
from kronstream.testing.store import MemoryStore

OUTCOMES = 1_000_000


def tell(store: MemoryStore, kind: str, run: Run, message: str = "") -> None:
    """Tell of a run what its record and its job say now, if anybody listens for it."""
    job = store.jobs.get(run.uid)
    fields = {
        "kind": kind, "run": run.id, "at": store.now, "uid": run.uid, "ns": run.namespace, "nm": run.name,
        "nom": run.nominal, "st": run.state.value, "why": run.reason, "att": run.attempt, "dur": run.duration,
        "sta": run.started, "fin": run.finished, "tr": run.trace,
        "dp": run.depth or (job.depth if job else 0) or None, "pf": job.platform if job else None,
        "cf": job.consecutive_failures if job else None, "msg": message or None,
    }  # fmt: skip
    _publish(store, kind, fields)


def tell_skipped(store: MemoryStore, job: Job, run: str, skip: Skipped, depth: int = 0) -> None:
    """Tell of instants that made no run; ``run`` is the id that the first one's would have had."""
    fields = {
        "kind": "skipped", "run": run, "at": store.now, "uid": job.uid, "ns": job.namespace, "nm": job.name,
        "nom": skip.first, "st": "skipped", "why": skip.reason.value, "count": skip.count, "last": skip.last,
        "pf": job.platform, "cf": job.consecutive_failures, "dp": depth or job.depth or None,
    }  # fmt: skip
    _publish(store, "skipped", fields)


def _publish(store: MemoryStore, kind: str, fields: dict[str, object]) -> None:
    if any(kind in kinds for kinds in store.wanted.values()):
        told = {name: str(value) for name, value in fields.items() if value is not None}
        store.outcomes = [*store.outcomes, told][-OUTCOMES:]
