"""A job as a replica holds it, and how an object of the API server becomes one."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

from kronstream.controller.seed import seed_of
from kronstream.domain import jitter
from kronstream.domain.condition import Condition
from kronstream.domain.errors import Invalid
from kronstream.domain.plan import Jitter, Policy
from kronstream.domain.retry import Retry
from kronstream.domain.run import Lane, Skip, Trigger, digest, run_id
from kronstream.domain.schedule import Once, Schedule
from kronstream.domain.work import Work
from kronstream.domain.zone import VERSION as TZ_VERSION
from kronstream.ports import Adoption, Seed
from kronstream.resources.instant import parse as parse_instant
from kronstream.resources.judged import judge
from kronstream.resources.meta import chain_depth
from kronstream.resources.scheduledjob import parse_job
from kronstream.resources.spec import Spec

ENGINE = 2
REVISION = f"{ENGINE:04d}.{TZ_VERSION}"
DEFAULT = Policy()
RUN_NOW = "kronstream.dev/run-now"
ENDS = frozenset({"Ending", "Completed"})  # reasons of Ready, see readiness.py


@dataclass(slots=True)
class Job:
    """What a replica knows of one job. Small: there may be tens of thousands."""

    uid: str
    namespace: str
    name: str
    generation: int
    created: int
    when: str = ""
    schedule: Schedule | None = None
    text: str = ""
    policy: Policy = DEFAULT
    jitter: Jitter | None = None
    condition: Condition | None = None
    zone: str | None = None
    suspended: bool = False
    fault: Invalid | None = None
    revision: str = ""
    function: str = ""
    queue: str = "default"
    conditions: tuple[Mapping[str, Any], ...] = ()
    # from here on: what the store said
    adopted: bool = False
    cursor: int = 0
    once: str | None = None
    ended: bool = False
    # the next nominal instant, and when its run is due: the jitter lies between
    next: int | None = None
    due: int | None = None
    wake: int | None = None
    # from here on: what was written
    written: int = 0
    written_at: float = 0.0
    observed: int = -1
    # the annotation's value; the last one that a run was started for, as this replica knows, and as the status tells
    run_now: str | None = None
    handled: str | None = None
    told: str | None = None
    # why its condition kept the last due run from starting; empty when it let it start
    unmet: str = ""
    # what the status tells already: news are what it does not tell yet
    failures: int = 0
    slow: int = 0
    missed: int = 0
    given_up: bool = False
    # how long the job is kept once it is over, and since when it is, as the status tells; None: it is not
    ttl: int | None = None
    over: int | None = None
    # when this generation was read (nanoseconds of this machine's clock), for its span
    read_at: int = field(default_factory=time.time_ns)

    @property
    def firing(self) -> bool:
        """Whether instants of this job are dispatched at all."""
        return self.adopted and self.schedule is not None and not (self.suspended or self.ended) and self.fault is None

    @property
    def one_time(self) -> bool:
        """Whether the job runs once."""
        return isinstance(self.schedule, Once)

    def note(self, status: Mapping[str, Any]) -> None:
        """Take in what the status tells, whichever replica wrote it.

        An end may be taken back: a status that does not tell of it, perhaps an older one, has the store asked again.
        """
        self.conditions = tuple(status.get("conditions") or ())
        ready = next((one.get("reason") for one in self.conditions if one.get("type") == "Ready"), None)
        self.ended = self.ended and ready in ENDS
        self.failures = status.get("consecutiveFailures") or 0
        self.slow = (status.get("runs") or {}).get("slow") or 0
        self.missed = (status.get("skipped") or {}).get(Skip.MISSED.value) or 0
        self.given_up = status.get("suspended") == "Failures"
        self.told = status.get("handledRunNow")
        self.over = _over(status) if "completionTime" in status else None

    @property
    def expires(self) -> int | None:
        """When the job is to be deleted; None as long as it is not over, and for one that is kept."""
        return None if self.ttl is None or self.over is None else self.over + self.ttl

    def due_at(self, nominal: int) -> int:
        """When the run of a nominal instant is due."""
        if self.jitter is None or self.schedule is None:
            return nominal
        return nominal + self.jitter.delay(nominal, self.schedule.after(nominal))


def _over(status: Mapping[str, Any]) -> int | None:
    """Since when a job is over: a run that was started again afterwards puts it off, and None while one goes on."""
    if status.get("active"):
        return None
    last = status.get("lastRun") or {}
    started, lasted = last.get("startedAt"), last.get("durationMs")
    try:
        over = parse_instant(status["completionTime"])
        return over if started is None or lasted is None else max(over, parse_instant(started) + int(lasted))
    except (TypeError, ValueError):
        return None


@lru_cache(maxsize=1024)
def _policy(grace: int, catch_up: Any, window: int, max_runs: int, deadline: int | None) -> Policy:
    return Policy(grace, catch_up, window, max_runs, deadline)


def read(obj: Mapping[str, Any], grace: int) -> tuple[Job, Adoption]:
    """A job and the adoption of its generation. An invalid spec gives a job with a fault and an adoption that holds it.

    Raises Invalid only for an object whose metadata is not an object's.
    """
    meta = obj["metadata"]
    status = obj.get("status") or {}
    job = Job(
        uid=meta["uid"],
        namespace=meta["namespace"],
        name=meta["name"],
        generation=meta.get("generation", 1),
        created=parse_instant(meta["creationTimestamp"]),
        revision=REVISION,
        observed=status.get("observedGeneration", -1),
        run_now=wanted_run(meta),
    )
    job.note(status)
    try:
        spec = parse_job(obj).spec
        found = judge(spec, job.created, f"{job.namespace}/{job.name}")
    except Invalid as fault:
        job.fault = fault
        return job, _held(job, status)
    job.when, job.text, job.schedule = found.when.dump(), found.when.text, found.schedule
    job.condition, job.zone = found.condition, spec.time_zone
    if spec.jitter_ms:
        identity = f"{job.namespace}/{job.name}"
        job.jitter = Jitter(spec.jitter_ms, partial(_delay, identity, spec.jitter_ms))
    catch_up = spec.catch_up
    job.policy = _policy(grace, catch_up.policy, catch_up.window_ms, catch_up.max_runs, spec.starting_deadline_ms)
    job.suspended = spec.suspend
    job.function = spec.handler.offered
    job.queue = spec.queue
    job.ttl = spec.ttl_after_finished_ms
    return job, replace(_adoption(job, spec, status), keys=found.keys, depth=chain_depth(meta.get("annotations")))


def _delay(identity: str, span: int, nominal: int, following: int | None) -> int:
    return jitter.delay(identity, nominal, span, following)


def wanted_run(meta: Mapping[str, Any]) -> str | None:
    """The value of the annotation that asks for a run; None where there is none, or one that nobody would write."""
    value = (meta.get("annotations") or {}).get(RUN_NOW)
    return value[:256] if isinstance(value, str) and value else None


def asked_run(uid: str, value: str) -> str:
    """The identity of the run that a value of the annotation asks for."""
    return run_id(uid, Trigger.MANUAL, digest(asking_key(uid, value)))


def asking_key(uid: str, value: str) -> str:
    """Under which key the service is asked for it."""
    return f"annotation run-now:{uid}:{value}"


def _seed(job: Job, status: Mapping[str, Any]) -> Seed | None:
    seed = seed_of(status, one_time=job.one_time)
    return replace(seed, asked=asked_run(job.uid, job.told)) if seed and job.told else seed


def first_cursor(job: Job, status: Mapping[str, Any]) -> int:
    """Where a job starts that the store does not know: its status, else its creation.

    A one-time job's own instant lies ahead of its cursor, even if it lay behind its creation.
    """
    start = min(job.created, job.schedule.at - 1) if isinstance(job.schedule, Once) else job.created
    text = status.get("cursor")
    try:
        return parse_instant(text) if isinstance(text, str) else start
    except ValueError:
        return start


def _held(job: Job, status: Mapping[str, Any]) -> Adoption:
    """The adoption of a spec that cannot be used: the generation is in force, and nothing runs."""
    return Adoption(
        uid=job.uid,
        namespace=job.namespace,
        name=job.name,
        generation=job.generation,
        revision=REVISION,
        when="",
        cursor=first_cursor(job, status),
        invalid=True,
        seed=_seed(job, status),
    )


def _adoption(job: Job, spec: Spec, status: Mapping[str, Any]) -> Adoption:
    backoff = spec.retry.backoff
    retry = Retry(
        spec.retry.limit,
        backoff.initial_ms,
        backoff.factor,
        backoff.longest_ms,
        backoff.jitter,
        spec.retry.only_on,
        spec.retry.not_on,
    )
    work = Work(
        namespace=job.namespace,
        name=job.name,
        function=job.function,
        payload=spec.payload,
        timeout=spec.timeout_ms,
        retry=retry,
        platform_id=spec.platform_id,
        call=spec.handler.call,
        account=spec.service_account_name,
        keys=tuple(limit.told.dump() for limit in spec.limits) or None,
        total_timeout=spec.total_timeout_ms,
        expected=spec.expected_within_ms,
        limits=spec.handler.limits,
    )
    return replace(
        _held(job, status),
        invalid=False,
        when=job.when,
        platform=spec.platform_id,
        suspended=job.suspended,
        queue=spec.queue,
        lane=Lane(spec.priority),
        policy=spec.concurrency_policy,
        backlog=spec.max_backlog,
        keep_good=spec.history.successful,
        keep_bad=spec.history.failed,
        keep_age=spec.history.max_age_ms,
        starting_deadline=spec.starting_deadline_ms,
        jitter=spec.jitter_ms or 0,
        max_concurrent=0 if spec.concurrency_policy == "Allow" else spec.max_concurrent,
        max_queued=spec.max_queued,
        group=spec.concurrency_group.name if spec.concurrency_group else "",
        group_max=spec.concurrency_group.max if spec.concurrency_group else 1,
        end_runs=spec.end_after.runs if spec.end_after else None,
        end_successes=spec.end_after.successes if spec.end_after else None,
        suspend_after=spec.suspend_after_failures,
        expected=spec.expected_within_ms,
        total=spec.total_timeout_ms,
        deliveries=spec.max_deliveries,
        function=job.function,
        work=work.dump(),
        seed=_seed(job, status),
    )
