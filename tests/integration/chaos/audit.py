"""The audit after a trial: every due instant is accounted for, and records, handlers and status tell the same."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from integration.chaos.load import due
from integration.chaos.trial import Trial, uid_of
from integration.chaos.witness import Call
from integration.objects import Object
from kronstream.domain.run import State
from kronstream.ports import Execution

COUNTED = {"succeeded": State.SUCCESS, "failed": State.FAILED, "cancelled": State.CANCELLED, "dead": State.DEAD}
EARLY = 50  # ms
STILL_FIRING = 5_000  # ms before the suspension


@dataclass(frozen=True)
class Account:
    """One job: what was due, what is recorded, and what the handlers saw."""

    job: Object
    due: set[int]
    records: dict[int, Execution]
    calls: dict[str, list[Call]]
    faults: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The job's name."""
        return str(self.job["metadata"]["name"])

    @property
    def doubled(self) -> list[str]:
        """Runs whose handlers were called more often than the record has attempts."""
        return [run.id for run in self.records.values() if len(self.calls.get(run.id, ())) > run.attempt]


def accounts(trial: Trial) -> list[Account]:
    """One for each job."""
    calls = trial.witness.calls()
    return [
        Account(
            job,
            due(job, trial.cursor(job)),
            {int(run.nominal or 0): run for run in trial.records(job)},
            {run: seen for run, seen in calls.items() if run.startswith(uid_of(job))},
        )
        for job in trial.jobs
    ]


def faults(trial: Trial, found: Iterable[Account], lost_at: int = 0) -> list[str]:
    """Everything that is not as it must be at the quiet end of a trial in which Redis lost nothing for good.

    Of what was due before an older copy came back the order is not looked at, see `quiet_faults`.
    """
    checks = (instants, counters, handlers)
    wrong = [f"{account.name}: {fault}" for account in found for check in checks for fault in check(account)]
    return [*wrong, *quiet_faults(trial, found, lost_at)]


def quiet_faults(trial: Trial, found: Iterable[Account], lost_at: int = 0) -> list[str]:
    """What is wrong with streams, indexes and order, whatever happened.

    What was due before the store was lost may be told by its worker after something newer was dispatched.
    """
    wrong = [f"{lane}: {left} entries, pending entries" for lane, left in trial.left_in_streams().items()]
    for account in found:
        wrong += [f"{account.name}: {fault}" for fault in (*_order(account, lost_at), *_ends(trial, account))]
    return wrong


def instants(account: Account) -> Iterable[str]:
    """Each instant has a record or is counted as skipped; no other instant has one."""
    status, records = account.job["status"], account.records
    if stray := set(records) - account.due:
        yield f"runs of instants that were not due: {sorted(stray)[:5]}"
    with_record = sum(run.state is State.SKIPPED for run in records.values())
    skipped = status.get("skipped", {})
    missing = sorted(account.due - set(records))
    if len(missing) != sum(skipped.values()) - with_record:
        yield (
            f"{len(missing)} of {len(account.due)} instants have no record but {skipped} were skipped "
            f"({with_record} of them with a record): {missing[:5]}"
        )


def _order(account: Account, lost_at: int) -> Iterable[str]:
    runs = sorted(account.records.values(), key=lambda run: run.nominal or 0)
    dispatched = [run.dispatched for run in runs if (run.nominal or 0) > lost_at]
    if dispatched != sorted(dispatched):
        yield "its runs were not dispatched in the order of their instants"
    yield from (f"{run.id} was dispatched early" for run in runs if run.dispatched < (run.nominal or 0) - EARLY)


def counters(account: Account) -> Iterable[str]:
    status, states = account.job["status"], Counter(run.state for run in account.records.values())
    for name, state in COUNTED.items():
        if status["runs"].get(name, 0) != states[state]:
            yield f"status counts {status['runs'].get(name, 0)} runs {name}, the records tell {states[state]}"
    if status["active"] or status["unfinished"]:
        yield f"status tells of active runs: {status['active']}, {status['unfinished']}"
    if unfinished := [run.id for run in account.records.values() if not run.state.terminal]:
        yield f"records of unfinished runs: {unfinished}"


def handlers(account: Account) -> Iterable[str]:
    """What is recorded as a success was seen to end, in that attempt; what was seen has a record."""
    runs = {run.id: run for run in account.records.values()}
    for run in runs.values():
        ended = {call.attempt for call in account.calls.get(run.id, ()) if call.ended is not None}
        if run.state is State.SUCCESS and run.attempt not in ended:
            yield f"{run.id} succeeded in attempt {run.attempt}; the handler knows of {ended or 'none'}"
    if unknown := set(account.calls) - set(runs):
        yield f"the handler saw runs without a record: {sorted(unknown)[:5]}"


def _ends(trial: Trial, account: Account) -> Iterable[str]:
    """One terminal record for each run, and no index that still holds one."""
    redis, keys, uid = trial.site.redis, trial.site.keys, uid_of(account.job)
    good, bad = set(redis.zrange(keys.good(uid), 0, -1)), set(redis.zrange(keys.bad(uid), 0, -1))
    if both := good & bad:
        yield f"two terminal records: {sorted(both)}"
    stored = {key.partition("run:")[2] for key in redis.scan_iter(keys.run(f"{uid}-*"), count=1000)}
    if stored != good | bad:
        yield f"records outside the history: {sorted(stored ^ (good | bad))[:5]}"
    if redis.zcard(keys.active(uid)):
        yield "runs are active"
    spec = account.job["spec"]
    if (
        spec.get("every") == "1s"
        and "endAfter" not in spec
        and trial.cursor(account.job) < trial.suspended - STILL_FIRING
    ):
        yield f"its firing stopped {trial.suspended - trial.cursor(account.job)} ms before it was suspended"


def worst_lateness(found: Iterable[Account], since: int, until: int) -> tuple[int, str]:
    """Of all instants in a span (ms): the longest time until a run was dispatched, and which it was."""
    late = [
        (run.dispatched - nominal, f"{account.name} of {nominal}")
        for account in found
        for nominal, run in account.records.items()
        if since <= nominal <= until
    ]
    return max(late, default=(0, "none"))
